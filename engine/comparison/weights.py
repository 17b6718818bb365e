"""Ship the networks of comparisons: `python -m engine.comparison.weights FOLDER...`.

From each comparison the networks that learned from the whole training part, with its first seed,
go to `assets/weights`, where requests for maps of that averaging time find them. `use` is for the
owner of a dataset: `airlens compare --use`.
"""

import json
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from engine.comparison.runs import RECORD, place_of
from engine.core.errors import EngineError, NotFoundError, StorageError
from engine.core.paths import ASSETS, home, inside
from engine.superresolution import weights
from engine.superresolution.networks.networks import NETWORKS
from engine.verify.metrics import current_names

FILES = ("weights.safetensors", "card.md", "config.json")  # the configuration names the others
OWN_WAY = ("airstfm",)  # used with weights of longer trainings, which have the climatology


def ship(folder: Path, assets: Path = ASSETS) -> list[Path]:
    """Copy a comparison's networks, each set whole; the folders they are in now.

    Raises:
        NotFoundError: If the comparison, or weights that it names, are not there.
        DataError: If a set does not load.
        StorageError: If a set cannot be written.
    """
    record = _record(folder)
    return [
        _copied(source, assets / "weights" / f"{name}-{record['period']}")
        for name, source in _networks(folder, record).items()
    ]


def use(folder: Path) -> list[Path]:
    """Put a comparison's networks where requests for its dataset find them; where they are now.

    Weights that are there already stay: whoever made them chose to.

    Raises:
        NotFoundError: If the comparison, or weights that it names, are not there.
        DataError: If a set does not load.
        StorageError: If a set cannot be written.
    """
    record = _record(folder)
    goals = {
        source: inside(home() / "weights", f"{name}-{record['fixed']['data']}")
        for name, source in _networks(folder, record).items()
    }
    return [_copied(s, goal) for s, goal in goals.items() if not (goal / "config.json").is_file()]


def _record(folder: Path) -> dict[str, Any]:
    path = folder / RECORD
    if not path.is_file():
        raise NotFoundError(
            "there is no comparison", where=str(folder), remedy="Make one: airlens compare"
        )
    return current_names(json.loads(path.read_text(encoding="utf-8")))


def _networks(folder: Path, record: Mapping[str, Any]) -> dict[str, Path]:
    """Where the weights of each network of a comparison are."""
    seed = record["plan"]["seeds"][0]
    return {
        name: place_of(folder, name, 1.0, seed)
        for name in NETWORKS
        if name not in OWN_WAY and f"{name} 100% {seed}" in record["runs"]
    }


def _copied(source: Path, goal: Path) -> Path:
    weights.load_network(source)
    try:
        goal.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(dir=goal) as scratch:
            for file in FILES:
                shutil.copyfile(source / file, Path(scratch) / file)
                (Path(scratch) / file).replace(goal / file)
    except OSError as problem:
        raise StorageError(
            "weights cannot be written ({strerror})",
            where=str(goal),
            remedy="Make room there",
            strerror=problem.strerror or problem,
        ) from problem
    return goal


if __name__ == "__main__":
    try:
        for given in sys.argv[1:]:
            sys.stdout.write("".join(f"{made}\n" for made in ship(Path(given))))
    except EngineError as problem:
        sys.stderr.write(f"airlens: {problem}\n")
        sys.exit(2)
