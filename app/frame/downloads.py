"""A result as a file: what it holds is said before the click, it is made after it."""

import io
import re
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import streamlit as st
import xarray as xr

from app.i18n import Words
from app.jobs import cache
from app.style.safe_text import markdown
from engine.core.plaintext import write_csv
from engine.inference.request import Request
from engine.inference.summary import Row, Summary
from engine.library import DatasetInfo

MEGA = 1e6
# Bytes of one number in a CSV, comma included, on average; measured on the demo.
CSV_BYTES = 9
OVERVIEWS = 4 / 3  # a pyramid of halves adds a third


@dataclass(frozen=True)
class Form:
    """One form of file.

    Attributes:
        ending: With its dot.
        mime: Of the file.
        most_bytes: Size before compression; the file is no larger.
        crs: Of its coordinates.
    """

    ending: str
    mime: str
    most_bytes: float
    crs: str = "WGS 84, EPSG:4326"


def forms(result: xr.Dataset) -> list[Form]:
    """The forms that can hold a result, and how large they can get."""
    cells = int(result["pm2p5"].size)
    maps = sum(1 for name in ("pm2p5", "target", "error", "uncertainty") if name in result)
    stations = int(result.sizes.get("station", 0))
    rows, columns = (stations, 6) if stations else (cells, maps + 3)
    return [
        Form(".nc", "application/x-netcdf", float(result.nbytes)),
        Form(".tif", "image/tiff", cells * maps * 4 * OVERVIEWS),
        Form(".csv", "text/csv", rows * columns * CSV_BYTES),
    ]


def panel(
    result: xr.Dataset, request: Request, info: DatasetInfo, numbers: Summary, words: Words
) -> None:
    """A button that opens the files a result can be taken away in; listed once it opens."""
    opened = st.popover(
        words("downloads.open"),
        icon=":material/download:",
        width="content",
        key="downloads",
        on_change="rerun",
    )
    if not opened.open:
        return
    name = file_name(request, synthetic=info.synthetic)
    with opened:
        for form in forms(result):
            _offer(
                words(f"downloads.form{form.ending.replace('.', '_')}"),
                words(
                    "downloads.about",
                    size=_size(form.most_bytes, words),
                    crs=form.crs,
                    unit=words("units.symbol"),
                    licence=info.licence,
                ),
                f"{name}{form.ending}",
                form.mime,
                partial(written, result, form.ending),
                words,
            )
        cities = partial(cities_csv, numbers, request, info)
        key = ("cities", request, info.checksum, numbers.limit)
        _offer(
            words("downloads.form_cities"),
            words(
                "downloads.about",
                size=_size(cache.kept(key, lambda: len(cities())), words),
                crs="WGS 84",
                unit=words("units.symbol"),
                licence=f"{info.licence}; GeoNames CC BY 4.0",
            ),
            f"{name}_cities.csv",
            "text/csv",
            cities,
            words,
        )
        st.caption(words("downloads.more"))


def written(result: xr.Dataset, ending: str) -> bytes:
    """The bytes of a file of this form. Called after the click, on a thread of its own."""
    from engine.inference import (
        export,  # brings rasterio, which no page needs before somebody clicks
    )

    with tempfile.TemporaryDirectory(prefix="airlens-download-") as folder:
        return export.write(result, Path(folder) / f"result{ending}").read_bytes()


def file_name(request: Request, *, synthetic: bool) -> str:
    """Name without ending; synthetic data say so in it."""
    region = re.sub(r"[^A-Za-z0-9.-]+", "_", request.region)
    parts = [request.dataset, request.date.isoformat(), region, request.model]
    return "_".join(["DEMO", *parts] if synthetic else parts)


def cities_csv(numbers: Summary, request: Request, info: DatasetInfo) -> bytes:
    """The table of the cities, with where it comes from above it; UTF-8 that Excel recognises."""
    notes = [
        f"{info.source}; {info.licence}; cities: GeoNames, CC BY 4.0",
        f"{request.dataset}, {request.date}, {request.region}, {request.model}; ug m-3",
    ]
    if info.synthetic:
        notes.insert(0, "DEMO: simulated data, not measurements")
    columns = ("fine", "coarse", "known", "error")
    head = ("city", "city_zh", "latitude", "longitude", "population", *columns, "limit", "above")
    out = io.StringIO()
    write_csv(out, head, (_city(row, numbers.limit) for row in numbers.rows), notes)
    return out.getvalue().encode("utf-8-sig")


def _city(row: Row, limit: float | None) -> tuple[object, ...]:
    place = row.place
    return (
        place.name_en,
        place.name_zh,
        place.latitude,
        place.longitude,
        place.population,
        *(_cell(v) for v in (row.value, row.coarse, row.target, row.error)),
        "" if limit is None else limit,
        "" if limit is None else int(row.above),
    )


def _cell(value: float) -> float | str:
    return "" if value != value else round(value, 2)


def _offer(
    title: str, about: str, name: str, mime: str, make: Callable[[], bytes], words: Words
) -> None:
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(f"**{title}**  \n{markdown(about)}", width="stretch")
        st.download_button(
            words("downloads.get"),
            make,
            file_name=name,
            mime=mime,
            key=f"get_{name}",
            on_click="ignore",
            help=markdown(name),
        )


def _size(size: float, words: Words) -> str:
    if size < MEGA / 10:
        return words("downloads.kilobytes", n=words.number(max(size / 1000, 1)))
    return words("downloads.megabytes", n=words.number(size / MEGA, 1))
