import numpy as np
import pandas as pd
import xarray as xr

# Fields that make the small preset of each compared network tiny.
TINY = {
    "urbanfm": {"channels": 4, "blocks": 1},
    "edvr": {"channels": 4, "tail_channels": 4, "extractor_blocks": 1, "blocks": 1, "groups": 2},
    "basicvsr": {"channels": 4, "tail_channels": 4, "blocks": 1},
    "iconvsr": {"channels": 4, "tail_channels": 4, "blocks": 1, "extractor_blocks": 1, "groups": 2},
    "basicvsrpp": {"channels": 4, "tail_channels": 4, "blocks": 1, "groups": 4},
    "mana": {"channels": 4, "tail_channels": 4, "blocks": 1, "extractor_blocks": 1, "slots": 3},
}


def months(years=7, rows=26, columns=24, seed=0, first="2000-01-01"):
    """Monthly maps with a fixed pattern, seasons, and anomalies that the pattern follows."""
    random = np.random.default_rng(seed)
    steps = 12 * years
    pattern = 0.3 * random.standard_normal((rows, columns))
    level = 0.3 * random.standard_normal((steps, 1, 1))
    season = 3.5 + 0.3 * np.cos(2 * np.pi * np.arange(steps) / 12)[:, None, None]
    values = np.exp(season + level + pattern * (1 + level)).astype(np.float32)
    values[:, :9, :8] = np.nan
    return grid(values, pd.date_range(first, periods=steps, freq="MS"), "month", 0)


def days(steps=20, rows=35, columns=40, seed=0, north=33.0):
    random = np.random.default_rng(seed)
    values = 40 + 10 * random.standard_normal((steps, rows, columns)).cumsum(1).cumsum(2) / 30
    dates = pd.date_range("2015-01-09T16:00", periods=steps)
    return grid(values.clip(1).astype(np.float32), dates, "day", 8, north)


def grid(values, times, period, offset, north=33.0):
    return xr.Dataset(
        {"pm2p5": (("valid_time", "latitude", "longitude"), values, {"units": "ug m-3"})},
        {
            "valid_time": times.astype("datetime64[ns]"),
            "latitude": north - 0.1 * np.arange(values.shape[1]),
            "longitude": 118.0 + 0.1 * np.arange(values.shape[2]),
        },
        attrs={
            "kind": "grid",
            "period": period,
            "utc_offset_hours": offset,
            "source": "a test",
            "licence": "CC0",
            "synthetic": 1,
        },
    )
