import numpy as np
import pandas as pd
import xarray as xr


def world(hours=400, stations=9, *, period="hour", seed=0, corner=(39.5, 116.0), extra=True):
    """Readings that grow towards the north-east: inverse distance is wrong at every edge."""
    random = np.random.default_rng(seed)
    where = random.uniform(0, 1, (stations, 2))
    level = np.log(60) + 0.4 * np.sin(np.arange(hours) / 9)[:, None]
    logs = (
        level
        + 1.2 * (where[:, 0] + where[:, 1] - 1)
        + 0.02 * random.standard_normal((hours, stations))
    )
    readings = np.exp(logs).astype(np.float32)
    readings[random.uniform(size=readings.shape) < 0.03] = np.nan
    first = "2015-01-09T16:00"
    times = pd.date_range(first, periods=hours, freq="h" if period == "hour" else "D")
    variables = {"pm2p5": (("valid_time", "station"), readings, {"units": "ug m-3"})}
    if extra:
        wind = random.standard_normal((hours, stations)).astype(np.float32)
        variables["u10"] = (("valid_time", "station"), wind, {"units": "m s-1"})
        variables["no2"] = (("valid_time", "station"), readings / 2, {"units": "ug m-3"})
    return xr.Dataset(
        variables,
        {
            "valid_time": times.astype("datetime64[ns]"),
            "latitude": ("station", corner[0] + where[:, 0]),
            "longitude": ("station", corner[1] + where[:, 1]),
            "name": ("station", [f"S{i}" for i in range(stations)]),
            "station": [f"s{i}" for i in range(stations)],
        },
        attrs={
            "kind": "stations",
            "period": period,
            "utc_offset_hours": 8,
            "source": "a test",
            "licence": "CC0",
            "synthetic": 1,
        },
    )
