"""A model's result for a page: at once if it is kept or quick, else with progress and a way back.

While a model runs, the page stays usable: an older result is given back marked as stale, and a
small part of the page that refreshes itself shows device, progress and time left.
"""

import uuid
from dataclasses import dataclass
from functools import partial

import streamlit as st
import xarray as xr
from engine.inference import Request, predict

from app import cache, i18n
from app.i18n import Words
from app.request import Selection
from app.runs import Run, Runs
from engine import library
from engine.errors import NotFoundError

# How long a page waits for a result before it shows progress. Shorter, and every quick model
# flickers; longer, and a slow one seems to hang.
GRACE_SECONDS = 0.7
REFRESH_SECONDS = 0.5
# A model that takes no longer for a day is run for days that somebody only passes by.
QUICK_SECONDS = 1.0
PASSER_BY = "passer-by"


@dataclass(frozen=True)
class Shown:
    """A result to draw.

    Attributes:
        result: What `engine.inference.predict` gave.
        request: What it is the answer to.
        stale: Whether it answers an earlier request than the one asked now.
    """

    result: xr.Dataset
    request: Request
    stale: bool


def ask(selection: Selection) -> Request:
    """The engine's request for what the sidebar says."""
    return Request(
        dataset=selection.dataset,
        date=selection.day,
        region=selection.region,
        model=selection.model,
    )


def prediction(request: Request, *, slot: str = "main") -> Shown | None:
    """The result of a request; or, while it is made, the last one of this slot, or None.

    Draws, where it is called, the progress of a run that is not over, and what to do about one
    that was cancelled.

    Args:
        request: What to run.
        slot: Place on the page. A page with two maps has two.

    Raises:
        EngineError: If the run failed.
    """
    words, runs = i18n.current(), cache.runs()
    state = st.session_state
    _leave_older(runs, request, slot)
    if state.get(f"stopped:{slot}") == request:
        _offer_again(slot, words)
        return _last(slot)
    run = _submit(runs, request, owner=_session())
    state[f"run:{slot}"] = run
    run.over.wait(GRACE_SECONDS)
    status = runs.status(run)
    if status.state == "done" and run.result is not None:
        shown = Shown(run.result, request, stale=False)
        state[f"shown:{slot}"] = shown
        return shown
    if status.error is not None:
        raise status.error
    _watch(slot)
    return _last(slot)


def quick(request: Request) -> bool:
    """Whether a request like this one was last answered quickly enough to be run in passing."""
    usual = cache.runs().usual(_kind(request))
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
    # A dataset imported again under its name is another one.
    key = (request, library.info(request.dataset).checksum)
    work = partial(predict, request)
    return runs.submit(key, work, owner=owner, device=request.device, kind=_kind(request))


def _kind(request: Request) -> tuple[str, str, str]:
    """Requests of one kind take about as long as each other."""
    return request.model, request.dataset, str(request.region)


def _last(slot: str) -> Shown | None:
    shown: Shown | None = st.session_state.get(f"shown:{slot}")
    return None if shown is None else Shown(shown.result, shown.request, stale=True)


def _leave_older(runs: Runs[xr.Dataset], request: Request, slot: str) -> None:
    """Takes back this session's wish for what the slot showed before."""
    older: Run[xr.Dataset] | None = st.session_state.get(f"run:{slot}")
    if older is not None and st.session_state.get(f"asked:{slot}") != request:
        runs.leave(older, _session())
    st.session_state[f"asked:{slot}"] = request


@st.fragment(run_every=REFRESH_SECONDS)
def _watch(slot: str) -> None:
    """Progress of the slot's run; the whole page is drawn again when it is over."""
    words, runs = i18n.current(), cache.runs()
    run: Run[xr.Dataset] = st.session_state[f"run:{slot}"]
    status = runs.status(run)
    if run.over.is_set():
        st.rerun()
    with st.container(border=True, key=f"progress-{slot}"):
        if status.state == "waiting":
            said = words.count("running.queued", status.ahead, device=status.device)
        else:
            said = words("running.running", device=status.device)
        if status.remaining is not None:
            said = f"{said} {words('running.left', left=_duration(status.remaining, words))}"
        st.progress(status.share, text=said)
        if st.button(words("running.cancel"), key=f"cancel-{slot}", icon=":material/close:"):
            st.session_state[f"stopped:{slot}"] = st.session_state[f"asked:{slot}"]
            runs.leave(run, _session())
            st.rerun()


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
