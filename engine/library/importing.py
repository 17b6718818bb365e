"""From files to a dataset of the library: read, write, describe, publish."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from engine.core.errors import DataError, RequestError
from engine.core.schema import Kind, check, grid_of
from engine.core.variables import ALTITUDE, UG_M3
from engine.data import gridded, mobile, stations
from engine.data.calendar import Times
from engine.data.dropped import DROPPED, from_text
from engine.data.options import ReadOptions
from engine.data.recognise import files_of
from engine.data.stack import GridStack, Step
from engine.library import grids, tables
from engine.library.grids import Progress
from engine.library.manifest import FILE, RULES, DatasetInfo, OriginFile
from engine.library.storage import building, dataset_folder, in_use

RESERVED = "demo"


def import_files(
    kind: Kind,
    paths: Sequence[Path],
    name: str,
    *,
    options: ReadOptions | None = None,
    train_end: date | None = None,
    replace: bool = False,
    progress: Progress | None = None,
) -> DatasetInfo:
    """Bring files into the library under a name, whole or not at all.

    Args:
        kind: What they hold.
        paths: Files and folders.
        name: Letters, digits, '-', '_' and '.'.
        options: What the files leave open.
        train_end: Last local date that a model may learn from; by default the first half.
        replace: Whether a dataset of that name may be replaced.
        progress: Called with (steps done, steps in all) for grids.

    Raises:
        DataError: If a file is not what it should be.
        NotFoundError: If a path is not there.
        RequestError: If name, options or date do not fit.
        StorageError: If the name is in use or the library cannot be written.
    """
    check_name(name, replace=replace)
    files = files_of(paths, kind)
    options = options or ReadOptions()
    if kind == "grid":
        stack = gridded.open_stack(files, options)
        return store_stack(
            stack, name, files=files, train_end=train_end, replace=replace, progress=progress
        )
    reader = stations if kind == "stations" else mobile
    return store(
        reader.load(files, options), name, files=files, train_end=train_end, replace=replace
    )


def store(
    dataset: xr.Dataset,
    name: str,
    *,
    files: Sequence[Path] = (),
    train_end: date | None = None,
    replace: bool = False,
    progress: Progress | None = None,
) -> DatasetInfo:
    """Keep a dataset that follows `engine.core.schema` under a name, whole or not at all.

    Args:
        dataset: Grid, stations or mobile samples; attribute `notes` goes into the record.
        name: As for `import_files`.
        files: What it was read from, for the record.
        train_end: Last local date that a model may learn from; by default the first half.
        replace: Whether a dataset of that name may be replaced.
        progress: Called with (steps done, steps in all) for grids.

    Raises:
        DataError: If the dataset breaks the contract.
        RequestError: If the name or the date does not fit.
        StorageError: If the name is in use or the library cannot be written.
    """
    check_name(name, replace=replace)
    check(dataset, where=name)
    if dataset.attrs["kind"] == "grid":
        return store_stack(
            _stack_of(dataset),
            name,
            files=files,
            train_end=train_end,
            replace=replace,
            progress=progress,
        )
    with building(name, replace=replace) as (work, finish):
        checksum = tables.write(dataset, work)
        info = record_of_points(dataset, name, train_end).model_copy(
            update={"checksum": checksum, "files": origins(files)}
        )
        finish(info)
    return info


def record_of_points(dataset: xr.Dataset, name: str, train_end: date | None) -> DatasetInfo:
    """The record of stations or mobile samples, without checksum and files.

    Raises:
        RequestError: If the date does not fit.
    """
    times = dataset["valid_time"].values
    info = _describe(name, dataset.attrs, times, _points_box(dataset)).model_copy(
        update={
            "shape": {str(k): int(v) for k, v in dataset.sizes.items()},
            "variables": tuple(map(str, dataset.data_vars)),
            "notes": _lines(dataset.attrs.get("notes", "")),
        }
    )
    return _with_train_end(info, times, train_end)


def check_name(name: str, *, replace: bool) -> None:
    """Refuse a name before any file is read.

    Raises:
        RequestError: If it is not plain, or is the demo's.
        StorageError: If it is in use.
    """
    if name == RESERVED or name.startswith(f"{RESERVED}-"):
        raise RequestError(
            "{name!r} is a name of the demo world", remedy="Choose another --name", name=name
        )
    if (dataset_folder(name) / FILE).exists() and not replace:
        raise in_use(name)


def store_stack(
    stack: GridStack,
    name: str,
    *,
    files: Sequence[Path] = (),
    train_end: date | None = None,
    replace: bool = False,
    progress: Progress | None = None,
) -> DatasetInfo:
    """Keep maps under a name as they are read, one step at a time, whole or not at all.

    Args:
        stack: The maps.
        name: As for `import_files`.
        files: What they are read from, for the record.
        train_end: Last local date that a model may learn from; by default the first half.
        replace: Whether a dataset of that name may be replaced.
        progress: Called with (steps done, steps in all).

    Raises:
        DataError: If the maps cannot be read.
        RequestError: If the name or the date does not fit.
        StorageError: If the name is in use or the library cannot be written.
    """
    check_name(name, replace=replace)
    info = record_of_stack(stack, name, train_end)
    with building(name, replace=replace) as (work, finish):
        checksum = grids.write(stack, work, progress=progress)
        info = info.model_copy(
            update={
                "checksum": checksum,
                "notes": tuple(stack.finish()),
                "files": origins(files),
            }
        )
        finish(info)
    return info


def record_of_stack(stack: GridStack, name: str, train_end: date | None) -> DatasetInfo:
    """The record of maps that are not yet read, without checksum, files and notes.

    Raises:
        RequestError: If the date does not fit.
    """
    box = stack.grid.bounds
    edges = (box.west, box.south, box.east, box.north)
    steps, rows, columns = stack.shape
    info = _describe(name, stack.attributes, stack.valid_time, edges).model_copy(
        update={
            "shape": {"valid_time": steps, "latitude": rows, "longitude": columns},
            "variables": ("pm2p5", *((ALTITUDE,) if stack.altitude is not None else ())),
            "regrid_method": str(stack.attributes.get("regrid_method", "")),
        }
    )
    return _with_train_end(info, stack.valid_time, train_end)


def _describe(
    name: str,
    attributes: Mapping[Any, Any],
    times: Times,
    bounds: tuple[float, float, float, float],
) -> DatasetInfo:
    """The record of a dataset, as far as its attributes and times give it."""
    days = local_dates(times, float(attributes["utc_offset_hours"]))
    return DatasetInfo(
        name=name,
        kind=attributes["kind"],
        period=attributes["period"],
        start=days.min().item(),
        end=days.max().item(),
        bounds=tuple(round(edge, 6) for edge in bounds),  # type: ignore[arg-type]  # four stay four
        shape={},
        variables=(),
        source=str(attributes["source"]),
        licence=str(attributes["licence"]),
        synthetic=bool(attributes["synthetic"]),
        utc_offset_hours=float(attributes["utc_offset_hours"]),
        checksum="",
        units=UG_M3,
        imported_at=datetime.now(UTC),
        train_end=None,
        format=str(attributes.get("format", "")),
        airlens_version=version("airlens"),
        reference_state=str(attributes.get("reference_state", "unknown")),
        dropped=from_text(attributes.get(DROPPED)),
        rules=int(attributes.get("rules", RULES)),
        made_by=str(attributes.get("made_by", "")),
    )


def local_dates(times: Times, utc_offset_hours: float) -> NDArray[np.datetime64]:
    """Local date of each UTC time, datetime64[D]."""
    shift = np.timedelta64(round(utc_offset_hours * 3600), "s")
    return (times.astype("datetime64[s]") + shift).astype("datetime64[D]")


def _with_train_end(info: DatasetInfo, times: Times, given: date | None) -> DatasetInfo:
    """The record with the end of the training part.

    By default the first half of the time steps, as in the 2 : 1 : 1 split of Li et al. (2025). Of a
    single date nothing is for training.
    """
    days = np.unique(local_dates(times, info.utc_offset_hours))
    if given is None:
        half = len(days) // 2
        return info.model_copy(update={"train_end": days[half - 1].item() if half else None})
    if not info.start <= given < info.end:
        raise RequestError(
            "--train-end {date} leaves nothing to train on or nothing to test on: the data run "
            "from {start} to {end}",
            remedy="Choose a date in between",
            date=given,
            start=info.start,
            end=info.end,
        )
    return info.model_copy(update={"train_end": given})


def _points_box(dataset: xr.Dataset) -> tuple[float, float, float, float]:
    latitude, longitude = dataset["latitude"].values, dataset["longitude"].values
    return (
        float(longitude.min()),
        float(latitude.min()),
        float(longitude.max()),
        float(latitude.max()),
    )


def _stack_of(dataset: xr.Dataset) -> GridStack:
    """A dataset in memory, or read lazily, as a stack."""
    array = dataset["pm2p5"].transpose("valid_time", "latitude", "longitude")

    def read() -> Iterator[Step]:
        for position in range(array.sizes["valid_time"]):
            yield position, array.isel(valid_time=position).values.astype(np.float32)

    return GridStack(
        valid_time=dataset["valid_time"].values.astype("datetime64[ns]"),
        grid=grid_of(dataset),
        period=dataset.attrs["period"],
        attributes={str(k): v for k, v in dataset.attrs.items() if k != "notes"},
        read=read,
        finish=lambda: list(_lines(dataset.attrs.get("notes", ""))),
        altitude=np.asarray(dataset[ALTITUDE].values, np.float32) if ALTITUDE in dataset else None,
    )


def _lines(notes: object) -> tuple[str, ...]:
    return tuple(line for line in str(notes).splitlines() if line)


def _digest(path: Path) -> tuple[str, int]:
    """SHA-256 and size in bytes of a file; of a folder, of its files' names and digests."""
    if not path.is_dir():
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest(), path.stat().st_size
    whole, size = hashlib.sha256(), 0
    for part in sorted(p for p in path.rglob("*") if p.is_file()):
        digest, bytes_ = _digest(part)
        whole.update(f"{part.relative_to(path).as_posix()} {digest}\n".encode())
        size += bytes_
    return whole.hexdigest(), size


def origins(files: Sequence[Path]) -> tuple[OriginFile, ...]:
    """Names, sizes and checksums of the files of an import."""
    origins = []
    for path in files:
        try:
            digest, size = _digest(path)
        except OSError as problem:
            raise DataError(
                "cannot be read any more ({strerror})",
                where=str(path),
                remedy="Leave the files in place until the import ends",
                strerror=problem.strerror,
            ) from problem
        origins.append(OriginFile(name=path.name, size=size, sha256=digest))
    return tuple(origins)
