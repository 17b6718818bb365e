"""The first map a visitor sees, made ahead: `python -m app.jobs.first_map` writes it.

With it goes the choice that `auto` makes for the demo: to judge all networks takes a minute.

A model needs torch, and torch needs seconds and 200 MB before it has computed anything. The map
that everyone sees first is the same for all, so the model's own answer, with its own provenance, is
kept in the repository. It is taken only while dataset, date, model and weights are still those that
it was made from; a test computes it again and compares.
"""

import hashlib
from dataclasses import asdict
from pathlib import Path

import numpy as np
import xarray as xr

from engine import library
from engine.core import dates
from engine.core.errors import EngineError
from engine.core.paths import ASSETS
from engine.core.regions import WHOLE
from engine.inference import catalogue, restore_choice
from engine.inference.request import Request

FILE = ASSETS / "first" / "map.nc"
DATASET = "demo"
FINE = ("valid_time", "latitude", "longitude")


def request() -> Request:
    """What a visitor sees first: the last date of the demo, whole, by the default model.

    Raises:
        NotFoundError: If there is no demo.
    """
    about = library.info(DATASET)
    return Request(DATASET, about.end, WHOLE, restore_choice.known(about).model)


def load(path: Path = FILE) -> tuple[Request, xr.Dataset] | None:
    """The request and its kept result, or None where it does not fit what is here."""
    if not path.is_file() or DATASET not in library.names():
        return None
    try:
        requested = request()
        kept = xr.load_dataset(path, engine="netcdf4")
        if not fits(kept, requested):
            return None
        known = dates.on(library.open_dataset(DATASET), requested.date, name=DATASET)["pm2p5"]
    except (EngineError, OSError, ValueError):
        return None  # a damaged file is as good as none: the model is run
    return requested, _with_target(kept, known)


def save(result: xr.Dataset, path: Path = FILE) -> None:
    """Keeps a result. Target and error are left out: they follow from the demo itself.

    Raises:
        EngineError: If it cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    from engine.inference import export  # brings rasterio, which a server need not have in memory

    export.write(result.drop_vars(["target", "error"]), path)


def fits(kept: xr.Dataset, requested: Request) -> bool:
    """Whether a kept result is what the model of today would say to the request."""
    entry = catalogue.find(requested.model)
    wanted = {
        "dataset": requested.dataset,
        "dataset_checksum": library.info(requested.dataset).checksum,
        "date": requested.date.isoformat(),
        "model": requested.model,
        "model_version": entry.version,
        "seed": str(requested.seed),
    }
    made = {name: str(kept.attrs.get(name)) for name in wanted}
    return made == wanted and _same_weights(kept, requested)


def _same_weights(kept: xr.Dataset, requested: Request) -> bool:
    if requested.model not in catalogue.NETWORKS:
        return True  # what it learns, it learns from the dataset
    file = (
        catalogue.weights_for(library.info(requested.dataset), requested.model)
        / "weights.safetensors"
    )
    return bool(kept.attrs["weights_sha256"] == hashlib.sha256(file.read_bytes()).hexdigest())


def _with_target(kept: xr.Dataset, known: xr.DataArray) -> xr.Dataset:
    result = kept.drop_vars(["crs", "time_bounds"], errors="ignore")
    pm2p5 = result["pm2p5"].values
    # The fine map is cut to whole coarse cells, from the north-west corner.
    rows, columns = pm2p5.shape[-2:]
    target = known.values[..., :rows, :columns].reshape(pm2p5.shape).astype(np.float32)
    units = {"units": "ug m-3"}
    result["target"] = (FINE, target, units)
    result["error"] = (FINE, pm2p5 - target, units)
    return result


if __name__ == "__main__":
    from engine.inference.run import predict

    about = library.info(DATASET)
    for old in restore_choice.SHIPPED.glob("*.json"):
        old.unlink()
    restore_choice.find(about, seconds=float("inf"), folder=restore_choice.SHIPPED)
    save(predict(Request(**asdict(request()))))
