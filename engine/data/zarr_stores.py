"""Zarr stores: folders whose small files hold one chunk of an array each.

A store is looked through before it is opened. Codecs that can run code or that are not known are
refused, and so are links, which could lead to any file of the machine. A chunk that is not there
stands for the array's fill value; where that is a number, a lost chunk would become values.
"""

import json
import os
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import zarr

from engine.core.errors import DataError

_METADATA = ("zarr.json", ".zgroup", ".zmetadata", ".zarray")
LARGEST = 20_000_000  # bytes of one file of metadata
MOST_FILES = 5_000_000
# Of `numcodecs` and of Zarr itself; none of them runs code of the store.
_CODECS = frozenset(
    {"blosc", "zstd", "zlib", "gzip", "lz4", "bz2", "lzma", "bytes", "crc32c", "transpose"}
    | {"sharding_indexed", "shuffle", "delta", "fixedscaleoffset", "quantize", "bitround"}
    | {"vlen-utf8", "vlen-bytes", "crc32", "adler32", "fletcher32", "astype", "packbits"}
)


def check_store(path: Path) -> None:
    """Refuse a store that holds links, or codecs that are not known to be harmless.

    Raises:
        DataError: Naming the first of them, or if its metadata cannot be read.
    """
    usual = edition(path)
    for count, file in enumerate(_files(path)):
        if count > MOST_FILES or file.is_symlink():
            raise DataError(
                "the Zarr store holds a link, {name!r}"
                if file.is_symlink()
                else "the Zarr store has more files than {most}",
                where=path.name,
                remedy="Write it again without links, in larger chunks",
                name=file.name,
                most=f"{MOST_FILES:,}",
            )
        if file.name in _METADATA:
            _check_codecs(path, file, usual)


def _files(path: Path) -> Iterator[Path]:
    for folder, folders, files in os.walk(path):
        for name in (*files, *folders):
            here = Path(folder, name)
            if name in files or here.is_symlink():
                yield here


def _check_codecs(path: Path, file: Path, usual: int) -> None:
    try:
        if file.stat().st_size > LARGEST:
            raise ValueError(f"{file.name} is too large")
        stated = json.loads(file.read_text(encoding="utf-8"))
        if (file.name == "zarr.json") != (usual == 3):
            raise ValueError(f"{file.name} is of another edition of Zarr")
        plain = file.name == ".zmetadata" or not isinstance(stated, dict)
        if not plain and stated.get("zarr_format") != usual:
            raise ValueError(f"zarr_format of {file.name} is not {usual}")
        found = list(_codecs(stated, inside=False))
    except (OSError, ValueError, RecursionError) as problem:
        raise damaged(path, problem) from problem
    strange = [name for name in found if name.removeprefix("numcodecs.") not in _CODECS]
    if strange:
        raise DataError(
            "the Zarr store is packed with {codec!r}, which is not read",
            where=path.name,
            remedy="Write it again with Blosc or Zstandard",
            codec=strange[0][:40],
        )


def _codecs(node: object, *, inside: bool) -> Iterator[str]:
    """Names of all codecs in some metadata, wherever they stand."""
    if isinstance(node, list):
        for part in node:
            yield from _codecs(part, inside=inside)
    elif isinstance(node, dict):
        if inside and isinstance(node.get("id", node.get("name")), str):
            yield str(node.get("id", node.get("name"))).lower()
        for key, part in node.items():
            within = key in ("compressor", "filters", "codecs", "index_codecs")
            yield from _codecs(part, inside=within)


def edition(path: Path) -> int:
    """The edition of Zarr that a folder is of, by the names of its metadata: 2 or 3."""
    return 3 if (path / "zarr.json").is_file() else 2


def check_chunks(path: Path, variable: str, axes: Sequence[str]) -> tuple[str, ...]:
    """Notes of chunks that are not there, of a variable whose fill value is no number.

    Raises:
        DataError: If chunks of an axis are not there, or of a variable that would get a number.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of names that are none of an array
        group = zarr.open_group(str(path), mode="r", zarr_format=edition(path))
    for name in dict.fromkeys((variable, *axes)):
        if name not in group:
            continue
        array = group[name]
        missing = int(array.nchunks) - int(array.nchunks_initialized)
        if missing == 0:
            continue
        fill = np.asarray(array.fill_value, np.float64)
        stated = array.attrs.get("missing_value")
        if name != variable or not (np.isnan(fill) or stated == fill):
            raise DataError(
                "{missing} of {count} chunks of {name!r} are not in the Zarr store",
                where=path.name,
                remedy="Copy the whole store again",
                missing=missing,
                count=int(array.nchunks),
                name=name,
            )
        return (f"{missing} of {array.nchunks} chunks are not in the store; no data there.",)
    return ()


def damaged(path: Path, problem: BaseException) -> DataError:
    """That a store cannot be read."""
    return DataError(
        "the Zarr store is damaged or incomplete ({problem})",
        where=path.name,
        remedy="Copy the whole store again",
        problem=(str(problem).strip() or type(problem).__name__).splitlines()[0][:120],
    )
