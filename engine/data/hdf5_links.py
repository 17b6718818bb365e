"""HDF5 files whose values lie in other files: refused, since the reader would follow them anywhere.

HDF5 lets a dataset keep its bytes in any file that its header names, be a view of datasets in other
files, and lets a name be a link into another file. netCDF4 follows the first two without a word.
"""

from pathlib import Path

import h5py

from engine.core.errors import DataError
from engine.core.size_limits import CELLS, TEXT

MOST_OBJECTS = 100_000


def check_self_contained(path: Path) -> None:
    """Refuse a file that keeps values elsewhere.

    Raises:
        DataError: Naming the variable; if an axis is too long; or if the file is damaged.
    """
    try:
        with h5py.File(path, "r") as file:
            outside = _outside(file, path.name)
    except (OSError, RuntimeError, ValueError, KeyError) as problem:
        raise DataError(
            "the NetCDF file is damaged or cut short ({problem})",
            where=path.name,
            remedy="Download or copy it again; its size should match the source's",
            problem=str(problem).strip().splitlines()[0][:120] if str(problem).strip() else "",
        ) from problem
    if outside:
        raise DataError(
            "variable {name!r} keeps its values in another file",
            where=path.name,
            remedy="Write them into the file itself, for example with nccopy",
            name=outside,
        )


def _outside(file: h5py.File, where: str) -> str:
    """Name of the first dataset or link that leads out of the file; empty if none does.

    An axis is refused by its size, since opening a file reads its axes whole.
    """
    waiting: list[tuple[str, h5py.Group]] = [("", file)]
    known: set[int] = set()  # a group may be its own member
    count = 0
    while waiting:
        above, group = waiting.pop()
        for name in group:
            count += 1
            if count > MOST_OBJECTS:
                raise ValueError("it has too many objects")
            here = f"{above}/{name}"
            link = group.get(name, getlink=True)
            if isinstance(link, h5py.SoftLink):
                continue
            thing = None if isinstance(link, h5py.ExternalLink) else group[name]
            if thing is None or _leads_out(thing, where):
                return here
            if isinstance(thing, h5py.Group):
                address = h5py.h5o.get_info(thing.id).addr
                if address not in known:
                    known.add(address)
                    waiting.append((here, thing))
    return ""


def _leads_out(thing: h5py.HLObject, where: str) -> bool:
    """Whether a dataset keeps its values elsewhere; refuses an axis by its size."""
    if not isinstance(thing, h5py.Dataset):
        return False
    if thing.ndim == 1:
        CELLS.check(int(thing.size), what=f"variable {thing.name}", where=where)
        if thing.dtype.kind in "SUV":  # fifty texts of 100 MB are an axis that is read whole
            text = int(thing.size) * thing.dtype.itemsize
            TEXT.check(text, what=f"variable {thing.name}", where=where)
    return bool(thing.external or thing.is_virtual)
