"""Running models for several people at once: a queue for each device, one result for all who ask.

A *run* is one call of the engine for one request. Whoever asks for the same request gets the same
run, and later the same result: results are kept by request, the least recently used leave first
when together they pass a number of bytes. One thread works for each device, so that two people
never put two models on one GPU. The work reports its progress; the time left is estimated from it,
and before the first word of it from the last run of the same kind.

No Streamlit here, and no model: the work is any function that reports its progress.
"""

import math
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import Generic, Literal, Protocol, TypeVar

from engine.core.progress import Cancelled, Progress, Stop

Result = TypeVar("Result")
Given = TypeVar("Given", covariant=True)
State = Literal["waiting", "running", "done", "failed", "cancelled"]
OVER: frozenset[State] = frozenset({"done", "failed", "cancelled"})

# An estimate from less than this share of the work jumps about too much to be shown.
ENOUGH_TO_TELL = 0.02
# Who watched a run and has been silent for so long has closed the page. A page in the background
# still reports once a minute.
SILENT_S = 150.0


class Work(Protocol[Given]):
    """What a run does."""

    def __call__(self, *, progress: Progress, cancelled: Stop) -> Given:
        """The result. Calls `progress(share done, what it is doing)`, looks at `cancelled()`."""
        ...


@dataclass(frozen=True)
class Status:
    """How a run stands.

    Attributes:
        state: Where it is between waiting and over.
        share: Share of the work done, 0 to 1.
        doing: What the work says it is doing; may be empty.
        ahead: Runs before it in the queue of its device.
        elapsed: Seconds since it began to run; 0 while it waits.
        remaining: Estimated seconds to its end, or None while there is nothing to go by.
        device: Where it runs.
        error: What went wrong, if it failed.
    """

    state: State
    share: float
    doing: str
    ahead: int
    elapsed: float
    remaining: float | None
    device: str
    error: Exception | None = None


@dataclass(eq=False)
class Run(Generic[Result]):
    """One run; only `Runs` changes it, under its lock."""

    key: Hashable
    kind: Hashable
    device: str
    work: Work[Result]
    owners: set[str] = field(default_factory=set)
    state: State = "waiting"
    share: float = 0.0
    doing: str = ""
    started: float = 0.0
    result: Result | None = None
    error: Exception | None = None
    stop: threading.Event = field(default_factory=threading.Event)
    over: threading.Event = field(default_factory=threading.Event)
    last_seen: dict[str, float] = field(default_factory=dict)  # when a watching owner last polled


class Runs(Generic[Result]):
    """All runs of this server.

    Args:
        capacity: Bytes of results to keep. The newest result is kept even if it alone is larger.
        size: Bytes of a result.
        place: The queue that a device's name means: "auto" is one of the others.
        clock: Seconds, for tests.
    """

    def __init__(
        self,
        *,
        capacity: int,
        size: Callable[[Result], int],
        place: Callable[[str], str] = str,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._place = place
        self._capacity = capacity
        self._size = size
        self._clock = clock
        self._lock = threading.Lock()
        self._results: OrderedDict[Hashable, Result] = OrderedDict()
        self._bytes = 0
        self._live: dict[Hashable, Run[Result]] = {}
        self._queues: dict[str, deque[Run[Result]]] = {}
        self._seconds: dict[Hashable, float] = {}

    def get(self, key: Hashable) -> Result | None:
        """The kept result of a request, or None."""
        with self._lock:
            if key in self._results:
                self._results.move_to_end(key)
            return self._results.get(key)

    def submit(
        self,
        key: Hashable,
        work: Work[Result],
        *,
        owner: str,
        device: str = "cpu",
        kind: Hashable = None,
    ) -> Run[Result]:
        """The run of a request: a finished one, the one under way, or a new one in the queue.

        Args:
            key: The request. Equal keys must mean equal results.
            work: What to do if nobody has done it yet.
            owner: Who asks, for `leave`.
            device: Whose queue it joins.
            kind: Runs of a kind take about as long as each other.
        """
        device = self._place(device)
        with self._lock:
            if key in self._results:
                self._results.move_to_end(key)
                run = Run(key, kind, device, work, {owner}, "done", 1.0)
                run.result = self._results[key]
                run.over.set()
                return run
            live = self._live.get(key)
            if live is not None and not live.stop.is_set():
                live.owners.add(owner)
                live.last_seen.pop(owner, None)
                return live
            run = Run(key, kind, device, work, {owner})
            self._live[key] = run
            self._enqueue(run)
            return run

    def keep(self, key: Hashable, result: Result, *, kind: Hashable, seconds: float) -> None:
        """Keeps a result that was made elsewhere, as if a run of `seconds` had made it here."""
        with self._lock:
            self._seconds[kind] = seconds
            self._keep(key, result)

    def leave(self, run: Run[Result], owner: str) -> None:
        """Take back one owner's wish; the run stops when nobody is left who wants it."""
        with self._lock:
            run.owners.discard(owner)
            if run.owners or run.state in OVER:
                return
            run.stop.set()
            if run.state == "waiting":
                self._queues[run.device].remove(run)
                self._finish(run, "cancelled")

    def status(self, run: Run[Result], *, watcher: str | None = None) -> Status:
        """How a run stands now.

        Args:
            run: Which.
            watcher: The owner that asks, if it will go on asking: a run whose owners have all
                watched and fallen silent is stopped.
        """
        with self._lock:
            if watcher in run.owners:
                run.last_seen[watcher] = self._clock()
            elapsed = self._clock() - run.started if run.state == "running" else 0.0
            return Status(
                run.state,
                run.share,
                run.doing,
                self._ahead(run),
                elapsed,
                self._remaining(run, elapsed),
                run.device,
                run.error,
            )

    def usual(self, kind: Hashable) -> float | None:
        """Seconds that the last run of a kind took, or None if there was none."""
        return self._seconds.get(kind)

    def _enqueue(self, run: Run[Result]) -> None:
        """Put a run in its device's queue, and start that device's thread at its first run."""
        queue = self._queues.get(run.device)
        if queue is not None:
            queue.append(run)
            return
        self._queues[run.device] = deque([run])
        threading.Thread(
            target=self._drain, args=(run.device,), name=f"runs-{run.device}", daemon=True
        ).start()

    def _drain(self, device: str) -> None:
        """Work through a device's queue; the thread ends, and its queue goes, when it is empty."""
        while True:
            with self._lock:
                queue = self._queues[device]
                if not queue:
                    del self._queues[device]
                    return
                run = queue.popleft()
                if self._deserted(run):
                    run.stop.set()
                    self._finish(run, "cancelled")
                    continue
                run.state, run.started = "running", self._clock()
            self._run(run)

    def _run(self, run: Run[Result]) -> None:
        def progress(share: float, doing: str = "") -> None:
            # Never backwards: a bar that shrinks is not believed.
            run.share = max(run.share, min(float(share), 1.0))
            run.doing = doing

        def cancelled() -> bool:
            with self._lock:
                if self._deserted(run):
                    run.stop.set()
            return run.stop.is_set()

        try:
            result = run.work(progress=progress, cancelled=cancelled)
        except Exception as error:  # the work is any function; its error belongs to the caller
            with self._lock:
                stopped = isinstance(error, Cancelled) or run.stop.is_set()
                run.error = None if stopped else error
                self._finish(run, "cancelled" if stopped else "failed")
            return
        with self._lock:
            run.result, run.share = result, 1.0
            self._seconds[run.kind] = self._clock() - run.started
            self._keep(run.key, result)
            self._finish(run, "done")

    def _deserted(self, run: Run[Result]) -> bool:
        silent = self._clock() - SILENT_S
        return bool(run.owners) and all(
            run.last_seen.get(owner, math.inf) < silent for owner in run.owners
        )

    def _finish(self, run: Run[Result], state: State) -> None:
        run.state = state
        # A new run for the same request may have taken its place after a cancellation.
        if self._live.get(run.key) is run:
            del self._live[run.key]
        run.over.set()

    def _keep(self, key: Hashable, result: Result) -> None:
        # The same request may have been run twice, if the first run was cancelled too late.
        if key in self._results:
            self._bytes -= self._size(self._results.pop(key))
        self._results[key] = result
        self._bytes += self._size(result)
        while self._bytes > self._capacity and len(self._results) > 1:
            _, oldest = self._results.popitem(last=False)
            self._bytes -= self._size(oldest)

    def _ahead(self, run: Run[Result]) -> int:
        queue = self._queues.get(run.device, deque())
        if run not in queue:
            return 0
        busy = any(
            other.state == "running" and other.device == run.device for other in self._live.values()
        )
        return list(queue).index(run) + busy

    def _remaining(self, run: Run[Result], elapsed: float) -> float | None:
        if run.state == "running" and run.share >= ENOUGH_TO_TELL:
            return elapsed * (1 - run.share) / run.share
        usual = self._seconds.get(run.kind)
        if usual is None or run.state in OVER:
            return None
        return max(usual - elapsed, 0.0)
