"""Folders of the library, and how one is built so that nobody ever sees it half-written.

    datasets/NAME/manifest.json      exists only when the dataset is whole; replaced in one step
    datasets/NAME/data-TOKEN/        the values that the manifest names
    datasets/NAME/.building-TOKEN/   an import under way, or what a killed one left
    datasets/NAME/.lock              held while an import writes
    datasets/.removed-TOKEN/         a dataset that was removed, as far as it is not yet deleted

A kill at any instant leaves either the old manifest with the old data or the new with the new.
Interrupted imports are cleared by the next import of any name. Data that were replaced stay until
then, because another process may still be reading them.
"""

import errno
import os
import secrets
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from engine.core.errors import StorageError
from engine.core.paths import home, inside
from engine.library.manifest import FILE, DatasetInfo, load

if sys.platform != "win32":
    import fcntl

Finish = Callable[[DatasetInfo], None]
REMOVED = ".removed-"


def folder() -> Path:
    """Where the datasets are.

    Raises:
        StorageError: If it is a link that leads out of the data directory.
    """
    root, path = home(), home() / "datasets"
    if path.exists() and not path.resolve().is_relative_to(root.resolve()):
        raise StorageError(
            "the folder of datasets is a link to {value}, outside the data directory",
            where=str(path),
            remedy="Set AIRLENS_HOME to the place where the data shall be",
            value=path.resolve(),
        )
    return path


def dataset_folder(name: str) -> Path:
    """Folder of one dataset, which may not exist.

    Raises:
        RequestError: If the name is not a plain one.
        StorageError: If it is a link.
    """
    path = inside(folder(), name)
    if path.is_symlink():
        raise StorageError(
            "this dataset is a link, and nothing is read or written through one",
            where=str(path),
            remedy="Remove the link and import the dataset",
        )
    return path


def stored_names() -> list[str]:
    """Names of the whole datasets, sorted."""
    path = folder()
    if not path.is_dir():
        return []
    return sorted(
        p.name
        for p in path.iterdir()
        if not p.name.startswith(".") and not p.is_symlink() and (p / FILE).is_file()
    )


@contextmanager
def building(name: str, *, replace: bool) -> Iterator[tuple[Path, Finish]]:
    """A folder to write a dataset into, and a function that makes it the dataset.

    Whoever leaves the block without calling that function leaves no trace, and what was there
    before is still there.

    Raises:
        StorageError: If the name is in use and `replace` is not set, another import holds it, or
            the disk is full or not writable.
        RequestError: If the name is not a plain one.
    """
    place = dataset_folder(name)
    if (place / FILE).exists() and not replace:
        raise in_use(name)
    with translated(place):
        place.mkdir(parents=True, exist_ok=True)
        with locked(place, name):
            clear_interrupted(skip=name)
            _clear(place)
            work = place / f".building-{secrets.token_hex(4)}"
            work.mkdir()

            def finish(info: DatasetInfo) -> None:
                _publish(place, work, info)

            try:
                yield work, finish
            except BaseException:
                shutil.rmtree(work, ignore_errors=True)
                # The record may count already, and the last flush have failed after it.
                if _current(place) != _data_of(work).name:
                    shutil.rmtree(_data_of(work), ignore_errors=True)
                _draft_of(place).unlink(missing_ok=True)
                raise
            finally:
                if not (place / FILE).exists():
                    shutil.rmtree(place, ignore_errors=True)


def in_use(name: str) -> StorageError:
    """The error about a name that has a dataset already."""
    return StorageError(
        "a dataset {name!r} exists already",
        remedy="Choose another --name, or --replace it; the old one stays until the new is whole",
        name=name,
    )


def _publish(place: Path, work: Path, info: DatasetInfo) -> None:
    """Make what lies in `work` the dataset: the rename of the manifest is the instant it counts."""
    sync_tree(work)
    data = _data_of(work)
    work.rename(data)
    record = info.model_copy(update={"data": data.name, "stored_files": count_files(data)})
    draft = _draft_of(place)
    with draft.open("w", encoding="utf-8") as file:
        file.write(record.model_dump_json(indent=1))
        file.flush()
        os.fsync(file.fileno())
    sync(place)
    draft.replace(place / FILE)
    sync(place)
    sync(place.parent)


def _data_of(work: Path) -> Path:
    """What a folder under construction is called once it is whole."""
    return work.with_name(work.name.replace(".building-", "data-"))


def _draft_of(place: Path) -> Path:
    """The record before it counts."""
    return place / f"{FILE}.new"


def clear_interrupted(*, skip: str = "") -> None:
    """Remove what killed imports left and what was replaced, except where an import is writing."""
    root = folder()
    for place in root.iterdir() if root.is_dir() else ():
        if place.name == skip or place.is_symlink() or not place.is_dir():
            continue
        if place.name.startswith(REMOVED):
            shutil.rmtree(place, ignore_errors=True)
            continue
        try:
            with locked(place, place.name):
                _clear(place)
                if not (place / FILE).exists() and _ours_alone(place):
                    shutil.rmtree(place, ignore_errors=True)
        except (StorageError, OSError):
            continue  # an import is writing there, or it is not ours to clear


def _current(place: Path) -> str | None:
    """Name of the data folder that counts: empty if none does, None if the record is damaged."""
    if not (place / FILE).exists():
        return ""
    try:
        return load(place / FILE).data
    except StorageError:
        return None


def _clear(place: Path) -> None:
    current = _current(place)
    if current is None:
        return  # a damaged record is the user's to look at
    for path in place.iterdir():
        unfinished = path.name.startswith(".building-") or path == _draft_of(place)
        superseded = path.name.startswith("data-") and path.name != current
        if path.is_symlink() or not (unfinished or superseded):
            continue
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)


def _ours_alone(place: Path) -> bool:
    return {p.name for p in place.iterdir()} <= {".lock"}


@contextmanager
def locked(place: Path, name: str) -> Iterator[None]:
    """Hold the dataset's lock. The system releases it when the process ends, however it ends."""
    if sys.platform == "win32":  # two imports under one name at once are not refused there
        yield
        return
    with (place / ".lock").open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise StorageError(
                "another import is writing dataset {name!r}",
                remedy="Wait for it to end, or choose another --name",
                name=name,
            ) from None
        yield


@contextmanager
def translated(place: Path) -> Iterator[None]:
    """Turn the system's refusals to write into one sentence."""
    try:
        yield
    except OSError as problem:
        if problem.errno in (errno.ENOSPC, errno.EDQUOT):
            what = "the disk is full; nothing imported before is touched"
            remedy = "Free some space and import again"
        elif problem.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
            what = "it may not be written; nothing imported before is touched"
            remedy = "Set AIRLENS_HOME to a folder of your own"
        else:
            what = "writing failed ({reason}); nothing imported before is touched"
            remedy = "Check the disk and import again"
        raise StorageError(
            what, where=str(place), remedy=remedy, reason=problem.strerror or problem
        ) from problem


def sync_tree(path: Path) -> None:
    """Ask the system to put every file and folder below `path` on the disk."""
    for directory, _, files in os.walk(path):
        for file in files:
            sync(Path(directory) / file)
        sync(Path(directory))


def sync(path: Path) -> None:
    """Ask the system to put one file or folder on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def count_files(path: Path) -> int:
    """Number of files below `path`."""
    return sum(len(files) for _, _, files in os.walk(path))
