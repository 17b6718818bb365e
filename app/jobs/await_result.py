"""A model's result for a page: at once if it is kept or quick, else with progress and a way back.

While a model runs, the page stays usable: an older result is given back marked as stale, and a
small part of the page that refreshes itself shows device, progress and time left.
"""

import uuid
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from functools import partial

import streamlit as st
import xarray as xr

from app import i18n
from app.i18n import Words
from app.jobs import cache
from app.jobs.job_queue import Run, Runs
from engine.core.errors import NotFoundError
from engine.core.progress import Progress, Stop
from engine.inference.request import Request

# How long a page waits for a result before it shows progress. Shorter, and every quick model
# flickers; longer, and a slow one seems to hang.
GRACE_SECONDS = 0.7
REFRESH_SECONDS = 0.5
# A model that takes no longer for a day is run for days that somebody only passes by.
QUICK_SECONDS = 1.0
PASSER_BY = "passer-by"


@dataclass(frozen=True)
class PredictionResult:
    """A result to draw.

    Attributes:
        result: What `engine.inference.run.predict` gave; all sessions share it, so never write into
            it.
        request: What it is the answer to.
        stale: Whether it answers an earlier request than the present one.
    """

    result: xr.Dataset
    request: Request
    stale: bool


@dataclass(frozen=True)
class Result:
    """The result of any work.

    Attributes:
        result: What the work gave; shared by all sessions.
        requested: What it is the answer to.
        stale: Whether it answers an earlier question than the present one.
    """

    result: xr.Dataset
    requested: Hashable
    stale: bool


def prediction(request: Request, *, slot: str = "main") -> PredictionResult | None:
    """The result of a request; or, while it is made, the last one of this slot, or None.

    Draws, where it is called, the progress of a run that is not over, and what to do about one
    that was cancelled.

    Args:
        request: What to run.
        slot: Place on the page. A page with two maps has two.

    Raises:
        EngineError: If the run failed.
    """
    runs = cache.runs()
    made = awaited(request, lambda owner: _submit(runs, request, owner=owner), slot=slot)
    if made is None or not isinstance(made.requested, Request):
        return None
    return PredictionResult(made.result, made.requested, made.stale)


def awaited(
    requested: Hashable, start: Callable[[str], Run[xr.Dataset]], *, slot: str, title: str = ""
) -> Result | None:
    """The result of any work; or, while it is made, the last one of this slot, or None.

    Draws the same as `prediction`, which is one use of it.

    Args:
        requested: What the work answers; another question takes back the wish for the last.
        start: Submits the work for the session it is given.
        slot: Place on the page.
        title: What the progress is of, where that is not the map.

    Raises:
        EngineError: If the run failed.
    """
    words, runs = i18n.current(), cache.runs()
    state = st.session_state
    _leave_older(runs, requested, slot)
    if state.get(f"stopped:{slot}") == requested:
        _offer_again(slot, words)
        return _last(slot)
    run = start(_session())
    state[f"run:{slot}"] = run
    run.over.wait(GRACE_SECONDS)
    status = runs.status(run)
    if status.state == "done" and run.result is not None:
        made = Result(run.result, requested, stale=False)
        state[f"shown:{slot}"] = made
        return made
    if status.error is not None:
        raise status.error
    _watch(slot, title)
    return _last(slot)


def quick(request: Request) -> bool:
    """Whether a request like this one was last answered quickly enough to be run in passing."""
    usual = cache.runs().usual(cache.run_kind(request))
    return usual is not None and usual <= QUICK_SECONDS


def answer(runs: Runs[xr.Dataset], request: Request) -> xr.Dataset:
    """The result of a request, waited for. For threads of the server, not for pages.

    Raises:
        EngineError: If the run failed.
    """
    run = _submit(runs, request, owner=PASSER_BY)
    run.over.wait()
    if run.result is None:
        raise run.error or NotFoundError("the run was cancelled", where=str(request))
    return run.result


def _submit(runs: Runs[xr.Dataset], request: Request, *, owner: str) -> Run[xr.Dataset]:
    work = partial(_work, request)
    key = cache.run_key(request)
    return runs.submit(key, work, owner=owner, device=request.device, kind=cache.run_kind(request))


def _work(request: Request, *, progress: Progress, cancelled: Stop) -> xr.Dataset:
    """Runs the model. The engine is imported by the first run: torch takes seconds and memory."""
    if request.work != "restore":
        from engine.inference.downscaling import downscale

        return downscale(request, progress=progress, cancelled=cancelled)
    from engine.inference import run as inference

    return inference.predict(request, progress=progress, cancelled=cancelled)


def _last(slot: str) -> Result | None:
    made: Result | None = st.session_state.get(f"shown:{slot}")
    return None if made is None else Result(made.result, made.requested, stale=True)


def _leave_older(runs: Runs[xr.Dataset], requested: Hashable, slot: str) -> None:
    """Takes back this session's wish for what the slot showed before."""
    older: Run[xr.Dataset] | None = st.session_state.get(f"run:{slot}")
    if older is not None and st.session_state.get(f"requested:{slot}") != requested:
        runs.leave(older, _session())
    st.session_state[f"requested:{slot}"] = requested


@st.fragment(run_every=REFRESH_SECONDS)
def _watch(slot: str, title: str = "") -> None:
    """Progress of the slot's run; the whole page is drawn again when it is over."""
    words, runs = i18n.current(), cache.runs()
    run: Run[xr.Dataset] = st.session_state[f"run:{slot}"]
    status = runs.status(run, watcher=_session())
    if run.over.is_set():
        st.rerun()
    with st.container(border=True, key=f"progress-{slot}"):
        if status.state == "waiting":
            said = words.count("running.queued", status.ahead, device=_device(status.device, words))
        else:
            said = words("running.running", device=_device(status.device, words))
        if status.remaining is not None:
            said = f"{said} {words('running.left', left=_duration(status.remaining, words))}"
        st.progress(status.share, text=f"{title}: {said}" if title else said)
        if st.button(words("running.cancel"), key=f"cancel-{slot}", icon=":material/close:"):
            st.session_state[f"stopped:{slot}"] = st.session_state[f"requested:{slot}"]
            runs.leave(run, _session())
            st.rerun()


def _device(name: str, words: Words) -> str:
    return words("running.gpu" if name.startswith("cuda") else "running.cpu")


def _offer_again(slot: str, words: Words) -> None:
    with st.container(border=True, horizontal=True, vertical_alignment="center"):
        st.markdown(words("running.cancelled"))
        st.button(
            words("running.again"),
            key=f"again-{slot}",
            on_click=lambda: st.session_state.pop(f"stopped:{slot}", None),
        )


def _duration(seconds: float, words: Words) -> str:
    if seconds < 90:
        return words("running.seconds", n=max(1, round(seconds)))
    return words("running.minutes", n=round(seconds / 60))


def _session() -> str:
    """A name for this session, the same at each rerun."""
    name: str = st.session_state.setdefault("session", uuid.uuid4().hex)
    return name
