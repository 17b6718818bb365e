"""What a file is, from its first bytes; and which files a folder holds. Names decide nothing."""

import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal

from engine.core.errors import DataError, NotFoundError

Container = Literal["hdf5", "netcdf3", "tiff", "parquet", "npy", "xlsx", "zarr", "text"]

_MAGIC: tuple[tuple[bytes, Container], ...] = (
    (b"\x89HDF\r\n\x1a\n", "hdf5"),
    (b"CDF\x01", "netcdf3"),
    (b"CDF\x02", "netcdf3"),
    (b"II*\x00", "tiff"),
    (b"MM\x00*", "tiff"),
    (b"II+\x00", "tiff"),
    (b"MM\x00+", "tiff"),
    (b"PAR1", "parquet"),
    (b"\x93NUMPY", "npy"),
)
_STRANGERS: tuple[tuple[bytes, str, str], ...] = (
    (b"PK\x03\x04", "a zip archive", "Unpack it and import the files inside"),
    (b"\x1f\x8b", "packed with gzip", "Unpack it with gunzip first"),
    (b"7z\xbc\xaf", "a 7z archive", "Unpack it and import the files inside"),
    (b"CDF\x05", "a NetCDF of the CDF-5 form", "Convert it with nccopy -4"),
    (b"GRIB", "a GRIB file", "Convert it to NetCDF, for example with cdo -f nc4 copy"),
    (b"version https://git-lfs", "a pointer of Git LFS", "Fetch the file itself with git lfs pull"),
    (b"<!DOCTYPE html", "a web page", "Download the file itself; this is the page about it"),
    (b"<html", "a web page", "Download the file itself; this is the page about it"),
    (
        b"\xd0\xcf\x11\xe0",
        "an older Excel workbook, or one with a password",
        "Save it as XLSX without a password, or the sheet as CSV",
    ),
    (b"%PDF", "a PDF document", "Import the data it is about"),
)
_WORKBOOKS = (".xlsx", ".xlsm", ".xlsb", ".ods")
_OF_ZARR = ("zarr.json", ".zgroup", ".zmetadata")
_OF_XLSX = "xl/workbook.xml"
_UTF16 = (b"\xff\xfe", b"\xfe\xff")  # what Excel calls Unicode text


def container(path: Path) -> Container:
    """What kind of file it is.

    Raises:
        NotFoundError: If it is not there.
        DataError: If it cannot be read, is empty, or is nothing we read.
    """
    if is_zarr(path):
        return "zarr"
    try:
        with path.open("rb") as file:
            head = file.read(4096)
    except FileNotFoundError:
        raise NotFoundError("no such file", where=str(path), remedy="Check the path") from None
    except OSError as problem:
        raise DataError(
            "cannot be read ({strerror})",
            where=str(path),
            remedy="Check its permissions",
            strerror=problem.strerror,
        ) from None
    if not head:
        raise DataError("the file is empty", where=path.name, remedy="Download or copy it again")
    for magic, kind in _MAGIC:
        if head.startswith(magic):
            return kind
    if head.startswith(b"PK") and _is_xlsx(path):
        return "xlsx"
    _check_known(path, head)
    return "text"


def _check_known(path: Path, head: bytes) -> None:
    """Refuse what is neither text nor anything else that is read.

    Raises:
        DataError: Naming what it is, where that is seen.
    """
    if head.startswith(b"PK") and path.suffix.lower() in _WORKBOOKS:
        raise DataError(
            "this is a workbook of another form than XLSX, or a damaged one",
            where=path.name,
            remedy="Save it as XLSX, or the sheet as CSV, and import that",
        )
    for magic, what, remedy in _STRANGERS:
        if head[: len(magic)].lower() == magic.lower():
            raise DataError("this is {thing}", where=path.name, remedy=remedy, thing=what)
    if b"\x00" in head and not head.startswith(_UTF16):
        raise DataError(
            "this is no NetCDF, GeoTIFF, Parquet, XLSX, NumPy or text file",
            where=path.name,
            remedy="docs/formats.md lists what can be imported",
        )


def is_zarr(path: Path) -> bool:
    """Whether a folder is a Zarr store, of either edition."""
    return path.is_dir() and any((path / mark).is_file() for mark in _OF_ZARR)


def _within(folder: Path) -> Iterator[Path]:
    """All files of a folder, sorted; a Zarr store in it is one."""
    for path in sorted(folder.iterdir()):
        if path.is_dir() and not path.is_symlink() and not is_zarr(path):
            yield from _within(path)
        else:
            yield path


def _is_xlsx(path: Path) -> bool:
    try:
        with zipfile.ZipFile(path) as archive:
            return _OF_XLSX in archive.namelist()
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError):
        return False


_ENDINGS = {
    "grid": (".zarr", ".nc", ".nc4", ".cdf", ".h5", ".hdf5", ".tif", ".tiff"),
    "stations": (".csv", ".txt", ".tsv", ".dat", ".parquet", ".xlsx", ".xlsm"),
    "mobile": (".csv", ".txt", ".tsv", ".parquet", ".npy", ".xlsx", ".xlsm"),
}


def files_of(paths: Sequence[Path], kind: str) -> list[Path]:
    """The files that are meant: each file as it is, each folder's files of this kind, sorted.

    Raises:
        NotFoundError: If a path is not there or a folder holds no such file.
    """
    found: list[Path] = []
    for path in paths:
        if not path.exists():
            raise NotFoundError("no such file or folder", where=str(path), remedy="Check the path")
        if path.is_file() or is_zarr(path):
            found.append(path)
            continue
        if not path.is_dir():  # a pipe gives its head once, and may never give it
            raise DataError(
                "this is a pipe or a device, no file",
                where=str(path),
                remedy="Save what it gives to a file and import that",
            )
        endings = _ENDINGS[kind]
        inside = [
            p
            for p in _within(path)
            if (p.is_file() or is_zarr(p))
            and p.suffix.lower() in endings
            and not p.name.startswith(".")
        ]
        if not inside:
            raise NotFoundError(
                "the folder holds no {endings} file",
                where=str(path),
                remedy="Name the files themselves, or another folder",
                endings=tuple(endings),
            )
        found += inside
    return list(dict.fromkeys(found))
