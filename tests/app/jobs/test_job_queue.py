import threading

import pytest

from app.jobs.job_queue import SILENT_S, Runs
from engine.core.progress import Cancelled

WAIT = 10  # seconds; only a failure waits as long


class Gate:
    """Work that stops at a gate, so that a test sees it half done."""

    def __init__(self, result="result"):
        self.result = result
        self.calls = 0
        self.at_gate = threading.Event()
        self.open = threading.Event()
        self.seen_cancel = False

    def __call__(self, *, progress, cancelled):
        self.calls += 1
        progress(0.25, "half way to half")
        self.at_gate.set()
        while not self.open.wait(0.005):
            if cancelled():
                self.seen_cancel = True
                raise Cancelled
        return self.result


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def runs(clock):
    return Runs(capacity=20, size=len, clock=clock)


def finish(run, gate):
    gate.open.set()
    assert run.over.wait(WAIT)


def test_a_result_comes_back_and_is_kept(runs):
    gate = Gate("abc")
    run = runs.submit("key", gate, owner="a")
    finish(run, gate)
    assert runs.status(run).state == "done"
    assert run.result == "abc"
    assert runs.get("key") == "abc"
    again = runs.submit("key", gate, owner="b")
    assert again.over.is_set()
    assert again.result == "abc"
    assert gate.calls == 1


def test_two_who_ask_for_the_same_share_one_run(runs):
    gate = Gate()
    first = runs.submit("key", gate, owner="a")
    assert runs.submit("key", gate, owner="b") is first
    finish(first, gate)
    assert gate.calls == 1


def test_one_device_does_one_thing_at_a_time_and_says_how_many_are_ahead(runs):
    gates = [Gate(str(n)) for n in range(3)]
    queued = [runs.submit(n, gate, owner="a") for n, gate in enumerate(gates)]
    assert gates[0].at_gate.wait(WAIT)
    assert [runs.status(run).state for run in queued] == ["running", "waiting", "waiting"]
    assert [runs.status(run).ahead for run in queued] == [0, 1, 2]
    gates[0].open.set()
    assert gates[1].at_gate.wait(WAIT)
    assert gates[2].calls == 0
    for run, gate in zip(queued, gates, strict=True):
        finish(run, gate)


def test_two_devices_work_side_by_side(runs):
    gates = [Gate("x"), Gate("y")]
    queued = [
        runs.submit(device, gate, owner="a", device=device)
        for device, gate in zip(("cpu", "cuda:0"), gates, strict=True)
    ]
    assert all(gate.at_gate.wait(WAIT) for gate in gates)
    for run, gate in zip(queued, gates, strict=True):
        finish(run, gate)


def test_two_names_of_one_device_share_its_queue():
    runs = Runs(capacity=20, size=len, place=lambda device: "cpu" if device == "auto" else device)
    gates = [Gate("x"), Gate("y")]
    first = runs.submit(1, gates[0], owner="a", device="auto")
    second = runs.submit(2, gates[1], owner="a", device="cpu")
    assert gates[0].at_gate.wait(WAIT)
    assert runs.status(first).device == "cpu"
    assert runs.status(second).ahead == 1
    finish(first, gates[0])
    finish(second, gates[1])


def test_progress_and_time_left(runs, clock):
    gate = Gate()
    run = runs.submit("key", gate, owner="a", kind="slow")
    assert gate.at_gate.wait(WAIT)
    clock.now = 10.0
    status = runs.status(run)
    # 10 s for a quarter of the work: three quarters are left, 30 s.
    assert (status.share, status.elapsed, status.remaining) == (0.25, 10.0, 30.0)
    assert status.doing == "half way to half"
    finish(run, gate)


def test_before_its_first_word_a_run_is_judged_by_the_last_of_its_kind(runs, clock):
    gate = Gate("a")
    run = runs.submit("first", gate, owner="a", kind="slow")
    assert gate.at_gate.wait(WAIT)
    clock.now = 8.0
    finish(run, gate)
    blocker, later = Gate("b"), Gate("c")
    first = runs.submit("blocker", blocker, owner="a")
    assert blocker.at_gate.wait(WAIT)
    second = runs.submit("second", later, owner="a", kind="slow")
    assert runs.status(second).remaining == 8.0
    finish(first, blocker)
    finish(second, later)


def test_cancelling_stops_the_work(runs):
    gate = Gate()
    run = runs.submit("key", gate, owner="a")
    assert gate.at_gate.wait(WAIT)
    runs.leave(run, "a")
    assert run.over.wait(WAIT)
    assert runs.status(run).state == "cancelled"
    assert gate.seen_cancel
    assert runs.get("key") is None


def test_a_run_someone_else_waits_for_goes_on(runs):
    gate = Gate()
    run = runs.submit("key", gate, owner="a")
    runs.submit("key", gate, owner="b")
    assert gate.at_gate.wait(WAIT)
    runs.leave(run, "a")
    finish(run, gate)
    assert runs.status(run).state == "done"


def test_a_waiting_run_that_is_cancelled_never_starts(runs):
    gates = [Gate("x"), Gate("y")]
    first, second = (runs.submit(n, gate, owner="a") for n, gate in enumerate(gates))
    assert gates[0].at_gate.wait(WAIT)
    runs.leave(second, "a")
    assert runs.status(second).state == "cancelled"
    finish(first, gates[0])
    assert gates[1].calls == 0


def test_asking_again_after_cancelling_starts_anew(runs):
    stopped, fresh = Gate("old"), Gate("new")
    run = runs.submit("key", stopped, owner="a")
    assert stopped.at_gate.wait(WAIT)
    run.stop.set()  # as `leave` does, but the work has not noticed yet
    again = runs.submit("key", fresh, owner="a")
    assert again is not run
    assert run.over.wait(WAIT)
    finish(again, fresh)
    assert runs.get("key") == "new"


def test_a_run_cancelled_too_late_does_not_count_twice(runs):
    late, fresh = Gate("late"), Gate("fresh")
    run = runs.submit("key", lambda **_: late(progress=lambda *_: None, cancelled=bool), owner="a")
    assert late.at_gate.wait(WAIT)
    run.stop.set()
    again = runs.submit("key", fresh, owner="a")
    finish(run, late)
    finish(again, fresh)
    assert runs.get("key") == "fresh"
    assert runs._bytes == len("fresh")


def test_a_failure_is_reported_and_the_queue_goes_on(runs):
    def broken(*, progress, cancelled):
        raise OSError("disk gone")

    run = runs.submit("bad", broken, owner="a")
    assert run.over.wait(WAIT)
    status = runs.status(run)
    assert status.state == "failed"
    assert str(status.error) == "disk gone"
    gate = Gate()
    finish(runs.submit("good", gate, owner="a"), gate)
    assert runs.get("good") == "result"
    # A failure is not kept: asking again tries again.
    assert runs.submit("bad", broken, owner="a") is not run


def test_results_past_the_capacity_leave_oldest_first(runs):
    for name in "abc":
        gate = Gate(name * 8)
        finish(runs.submit(name, gate, owner="a"), gate)
        if name == "b":
            assert runs.get("a") == "a" * 8  # now "b" is the one used longest ago
    assert runs.get("b") is None
    assert runs.get("a") is not None
    assert runs._bytes == 16


def test_a_result_larger_than_the_capacity_is_kept_alone(runs):
    for name, size in (("small", 5), ("huge", 100)):
        gate = Gate("x" * size)
        finish(runs.submit(name, gate, owner="a"), gate)
    assert runs.get("huge") is not None
    assert runs.get("small") is None
    assert runs._bytes == 100


def test_progress_never_goes_back(runs):
    seen = threading.Event()
    go = threading.Event()

    def work(*, progress, cancelled):
        progress(0.5, "")
        progress(0.1, "")
        progress(7.0, "")
        progress(0.2, "last")
        seen.set()
        go.wait(WAIT)
        return "x"

    run = runs.submit("key", work, owner="a")
    assert seen.wait(WAIT)
    assert runs.status(run).share == 1.0
    go.set()
    assert run.over.wait(WAIT)


def test_a_result_made_elsewhere_is_found(runs):
    runs.keep("key", "ready", kind="slow", seconds=0.5)
    gate = Gate()
    run = runs.submit("key", gate, owner="a", kind="slow")
    assert run.over.is_set()
    assert run.result == "ready"
    assert gate.calls == 0
    assert runs.usual("slow") == 0.5


def test_a_run_whose_pages_were_closed_is_stopped(runs, clock):
    gate, later = Gate(), Gate()
    run = runs.submit("key", gate, owner="a")
    assert gate.at_gate.wait(WAIT)
    queued = runs.submit("later", later, owner="a")
    runs.status(run, watcher="a")
    runs.status(queued, watcher="a")
    clock.now = SILENT_S - 1
    runs.status(run, watcher="a")
    clock.now = SILENT_S + 1  # the first was asked after a moment ago, the second was not
    assert not run.over.wait(0.05)
    clock.now = 2 * SILENT_S
    assert run.over.wait(WAIT)
    assert gate.seen_cancel
    assert queued.over.wait(WAIT)
    assert [runs.status(one).state for one in (run, queued)] == ["cancelled", "cancelled"]
    assert later.calls == 0


def test_a_run_goes_on_for_who_is_still_there_or_never_watched(runs, clock):
    shared, unwatched = Gate(), Gate()
    run = runs.submit("shared", shared, owner="a")
    runs.submit("shared", shared, owner="b")
    assert shared.at_gate.wait(WAIT)
    runs.status(run, watcher="a")
    runs.status(run, watcher="b")
    clock.now = SILENT_S + 1
    runs.status(run, watcher="b")
    clock.now = SILENT_S + 2
    assert not run.over.wait(0.05)
    finish(run, shared)
    assert runs.status(run).state == "done"
    quiet = runs.submit("quiet", unwatched, owner="passer-by")
    assert unwatched.at_gate.wait(WAIT)
    clock.now = 10 * SILENT_S
    assert not quiet.over.wait(0.05)
    finish(quiet, unwatched)
    assert runs.status(quiet).state == "done"


def test_who_left_and_looks_on_is_no_owner(runs, clock):
    gate = Gate()
    run = runs.submit("key", gate, owner="a")
    runs.submit("key", gate, owner="b")
    assert gate.at_gate.wait(WAIT)
    runs.leave(run, "a")
    runs.status(run, watcher="a")
    assert set(run.last_seen) <= run.owners == {"b"}
    finish(run, gate)


def test_who_asks_again_is_there(runs, clock):
    first, second = Gate(), Gate()
    running = runs.submit("first", first, owner="passer-by")
    waiting = runs.submit("second", second, owner="a")
    runs.status(waiting, watcher="a")
    clock.now = SILENT_S + 1
    assert runs.submit("second", second, owner="a") is waiting
    finish(running, first)
    finish(waiting, second)
    assert runs.status(waiting).state == "done"
