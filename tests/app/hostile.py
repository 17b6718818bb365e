"""A small library whose every text tries to be more than text.

The dataset names are plain, since the library takes no others; ids, station names, source, licence,
title and further attributes hold what a template, Markdown, HTML, a script, a spreadsheet or a
terminal would obey.
"""

import numpy as np
import xarray as xr
from world import DAYS, grid, stations, times

from engine import library

OUTSIDE = "http://outside.example"
TEXTS = (
    "{{7*7}}",
    "{% if x %}",
    "{# note #}",
    "</script><script>window.hacked=1</script>",
    "<!--<script>",
    f'<img src="{OUTSIDE}/i.png" onerror="window.hacked=1">',
    "`code` ${7*7}",
    "'single' \"double\"",
    "two\nlines\r\n# heading",
    "\u202eright to left\u2066",
    f'=HYPERLINK("{OUTSIDE}","x")',
    "x" * 300,
    "😀 emoji",
    "NUL\0 and \x1b[31mred",
    f"![p]({OUTSIDE}/p.png)",
    f"[a]({OUTSIDE})",
    "$\\frac{1}{2}$ and $$x$$",
    ":red[x] :smile: :material/home:",
    "[red]rich[/red]",
    "%{y} <b>bold</b>",
    "http://outside.example/p www.outside.example a@outside.example",
)
ALL = " | ".join(TEXTS)


def attributes(dataset: xr.Dataset) -> xr.Dataset:
    return dataset.assign_attrs(source=ALL, licence=ALL, title=ALL, history=ALL, comment=ALL)


def network():
    """As many stations as there are texts, each named by one, hourly."""
    few = stations()
    n = len(TEXTS)
    random = np.random.default_rng(0)
    values = np.repeat(few["pm2p5"].values[:, :1], n, axis=1) + random.random(n).astype(np.float32)
    return xr.Dataset(
        {"pm2p5": (("valid_time", "station"), values, {"units": "ug m-3"})},
        coords={
            "valid_time": few["valid_time"].values,
            "station": [f"{number} {text}" for number, text in enumerate(TEXTS)],
            "name": ("station", list(TEXTS)),
            "latitude": ("station", 30.2 + 2.5 * random.random(n)),
            "longitude": ("station", 118.3 + 3.3 * random.random(n)),
        },
        attrs=few.attrs,
    )


def vehicles():
    """Buses of such names, an hourly sample each."""
    n = len(TEXTS)
    hours = np.array([t + np.timedelta64(h, "h") for t in times(DAYS[:2]) for h in range(24)])
    time = np.repeat(hours, n)
    random = np.random.default_rng(1)
    return xr.Dataset(
        {"pm2p5": (("sample",), 30 + 5 * random.random(time.size), {"units": "ug m-3"})},
        coords={
            "valid_time": ("sample", time.astype("datetime64[ns]")),
            "id": ("sample", list(TEXTS) * hours.size),
            "latitude": ("sample", 31.0 + 0.05 * random.random(time.size)),
            "longitude": ("sample", 119.0 + 0.05 * random.random(time.size)),
        },
        attrs=grid().attrs | {"kind": "mobile", "period": "hour"},
    )


def build():
    """Stores the three in the library that AIRLENS_HOME names."""
    library.store(attributes(grid()), "hostile")
    library.store(attributes(network()), "hostile-stations")
    library.store(attributes(vehicles()), "hostile-mobile")
