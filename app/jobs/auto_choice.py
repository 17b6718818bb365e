"""The model that `auto` takes on the Map page: known, or judged while the default is shown."""

import json
from dataclasses import replace
from functools import partial

import xarray as xr

from app import i18n
from app.jobs import await_result, cache
from app.request.selection import AUTO, RESTORE, Selection, request_of
from engine.core.progress import Progress, Stop
from engine.inference import restore_choice
from engine.inference.request import Request
from engine.inference.restore_choice import Taken


def settled(selection: Selection) -> tuple[Request, Taken | None]:
    """The request of a page, with the model that `auto` takes; None where none is to be taken."""
    request = request_of(selection)
    if selection.work != RESTORE or selection.model != AUTO:
        return request, None
    taken = restore_choice.known(cache.info(selection.dataset))
    return replace(request, model=taken.model), taken


def judge(dataset: str, taken: Taken) -> None:
    """Judges the candidates in the background, where nobody has; the page is drawn again after."""
    if taken.reason != "unknown":
        return
    about, runs = cache.info(dataset), cache.runs()
    key = ("choice", about.checksum, str(about.train_end))
    await_result.awaited(
        key,
        lambda owner: runs.submit(
            key,
            partial(_work, dataset),
            owner=owner,
            device="auto",
            kind=("choice", dataset),
        ),
        slot="choice",
        title=i18n.current()("judged.judging"),
    )


def _work(dataset: str, *, progress: Progress, cancelled: Stop) -> xr.Dataset:
    found = restore_choice.find(cache.info(dataset), progress=progress, cancelled=cancelled)
    return xr.Dataset(attrs={"choice": json.dumps(found.as_record())})
