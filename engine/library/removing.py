"""Take a dataset out of the library, at once or not at all."""

import contextlib
import secrets
import shutil

from engine.core.errors import NotFoundError, RequestError, StorageError
from engine.library import demo
from engine.library.importing import RESERVED
from engine.library.manifest import FILE
from engine.library.storage import (
    REMOVED,
    clear_interrupted,
    dataset_folder,
    locked,
    stored_names,
    sync,
)


def check_removable(name: str) -> None:
    """Refuse a name that stands for nothing that can be removed.

    Raises:
        NotFoundError: If there is no dataset of that name.
        RequestError: If it is the demo's, or no plain name.
        StorageError: If it is a link.
    """
    if name in demo.names() or name == RESERVED:
        raise RequestError(
            "{name!r} belongs to the demo world, which stays",
            remedy="Name a dataset that was imported: airlens datasets",
            name=name,
        )
    if not (dataset_folder(name) / FILE).is_file():
        raise NotFoundError(
            "there is no dataset {name!r}",
            remedy="Choose from {names}" if stored_names() else "Nothing was imported",
            name=name,
            names=tuple(stored_names()),
        )


def remove(name: str) -> None:
    """Remove a dataset, its record first: a kill at any instant leaves it whole, or no dataset.

    One whose record is damaged can be removed as well. What a kill leaves of the values, the next
    import or removal clears.

    Raises:
        NotFoundError: If there is no dataset of that name.
        RequestError: If it is the demo's, or no plain name.
        StorageError: If an import is writing it, or the library cannot be written.
    """
    check_removable(name)
    place = dataset_folder(name)
    aside = place.with_name(f"{REMOVED}{secrets.token_hex(4)}")
    try:
        with locked(place, name):
            place.rename(aside)
    except OSError as problem:
        raise StorageError(
            "it cannot be removed ({reason}); it stays as it is",
            where=str(place),
            remedy="Check the permissions of the folder",
            reason=problem.strerror or problem,
        ) from problem
    with contextlib.suppress(OSError):  # the name is gone, whether on the disk yet or not
        sync(place.parent)
    shutil.rmtree(aside, ignore_errors=True)
    clear_interrupted()
