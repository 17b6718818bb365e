"""The local library: what was imported, under names, on this machine alone.

`names`, `info` and `open_dataset` read it, `import_files` and `store` add to it, `remove` takes one
out. The demo world is listed first and cannot be changed.
"""

import xarray as xr

from engine.core.errors import NotFoundError, StorageError
from engine.library import demo, grids, static_store, tables
from engine.library.importing import check_name, import_files, store, store_stack
from engine.library.manifest import FILE, DatasetInfo, OriginFile, load
from engine.library.removing import check_removable, remove
from engine.library.storage import count_files, dataset_folder, stored_names

__all__ = [
    "DatasetInfo",
    "OriginFile",
    "check_name",
    "check_removable",
    "import_files",
    "info",
    "names",
    "open_dataset",
    "remove",
    "store",
    "store_stack",
]


def names() -> list[str]:
    """Names of all datasets: the demo's, then the imported ones in alphabetical order."""
    return [*demo.names(), *stored_names()]


def info(name: str) -> DatasetInfo:
    """What is known of a dataset.

    Raises:
        NotFoundError: If there is none of that name, naming those there are.
        RequestError: If the name is not a plain one.
        StorageError: If its record is damaged.
    """
    if name in demo.names():
        return demo.info(name)
    path = dataset_folder(name) / FILE
    if not path.is_file():
        raise NotFoundError(
            "there is no dataset {name!r}",
            remedy="Choose from {names}, or import one" if names() else "Import one",
            name=name,
            names=tuple(names()),
        )
    return load(path)


def open_dataset(name: str) -> xr.Dataset:
    """A dataset as `engine.core.schema` describes it; the values of a grid are read when requested.

    Attributes beyond the contract: `dataset` (its name) and `dataset_checksum`.

    Raises:
        NotFoundError: If there is none of that name.
        StorageError: If it is damaged.
    """
    if name in demo.names():
        dataset = demo.open_dataset(name)
        dataset.attrs |= attributes(demo.info(name))
        return dataset
    about = info(name)
    folder = dataset_folder(name) / about.data
    found = count_files(folder)
    if not about.data or found < about.stored_files:
        raise StorageError(
            "{stored_files} of {stored_files_2} files of it are missing",
            where=name,
            remedy="Import the dataset again with --replace",
            stored_files=about.stored_files - found,
            stored_files_2=about.stored_files,
        )
    if about.kind == "static":
        dataset = static_store.read(folder)
    else:
        dataset = grids.read(folder) if about.kind == "grid" else tables.read(folder, about.kind)
    dataset.attrs = attributes(about)
    return dataset


def attributes(about: DatasetInfo) -> dict[str, str | int | float]:
    """Attributes of an opened dataset."""
    offset = about.utc_offset_hours
    given: dict[str, str | int | float] = {
        "kind": about.kind,
        "period": about.period,
        "utc_offset_hours": int(offset) if offset.is_integer() else offset,
        "source": about.source,
        "licence": about.licence,
        "synthetic": int(about.synthetic),
        "dataset": about.name,
        "dataset_checksum": about.checksum,
    }
    if about.outdated:  # what is made of it is no better
        given["rules"] = about.rules
    if about.made_by:
        given["made_by"] = about.made_by
    if about.regrid_method:
        given["regrid_method"] = about.regrid_method
    return given
