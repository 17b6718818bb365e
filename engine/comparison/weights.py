"""Ship the networks of comparisons: `python -m engine.comparison.weights FOLDER...`.

From each comparison the networks that learned from the whole training part, with its first seed,
go to `assets/weights`, where requests for maps of that averaging time find them.
"""

import json
import shutil
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from engine.comparison.runs import RECORD, place_of
from engine.errors import EngineError, NotFoundError
from engine.models.networks import NETWORKS
from engine.paths import ASSETS
from engine.superresolution import checkpoint

FILES = ("weights.safetensors", "card.md", "config.json")  # the configuration names the others
OWN_WAY = ("airstfm",)  # ships weights of longer trainings


def ship(folder: Path, assets: Path = ASSETS) -> list[Path]:
    """Copy a comparison's networks, each set whole; the folders they are in now.

    Raises:
        NotFoundError: If the comparison, or weights that it speaks of, are not there.
        DataError: If a set does not load.
    """
    path = folder / RECORD
    if not path.is_file():
        raise NotFoundError(
            "there is no comparison", where=str(folder), remedy="Make one: airlens compare"
        )
    record = json.loads(path.read_text(encoding="utf-8"))
    seed = record["plan"]["seeds"][0]
    shipped = []
    for name in NETWORKS:
        if name in OWN_WAY or f"{name} 100% {seed}" not in record["runs"]:
            continue
        source = place_of(folder, name, 1.0, seed)
        checkpoint.load_network(source)
        goal = assets / "weights" / f"{name}-{record['period']}"
        goal.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(dir=goal) as scratch:
            for file in FILES:
                shutil.copyfile(source / file, Path(scratch) / file)
                (Path(scratch) / file).replace(goal / file)
        shipped.append(goal)
    return shipped


if __name__ == "__main__":
    try:
        for given in sys.argv[1:]:
            sys.stdout.write("".join(f"{made}\n" for made in ship(Path(given))))
    except EngineError as problem:
        sys.stderr.write(f"airlens: {problem}\n")
        sys.exit(2)
