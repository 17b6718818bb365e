"""Where things are on this machine. One environment variable, AIRLENS_HOME, moves the library."""

import os
from pathlib import Path

from platformdirs import user_data_dir

from engine.core.errors import RequestError

ROOT = Path(__file__).resolve().parents[2]
ASSETS = ROOT / "assets"
APP = ROOT / "app"


def home() -> Path:
    """Data directory of this user: datasets, runs and trained weights. May not exist yet."""
    override = os.environ.get("AIRLENS_HOME")
    return (
        Path(override).expanduser() if override else Path(user_data_dir("airlens", appauthor=False))
    )


def inside(parent: Path, name: str) -> Path:
    """Path of `name` directly under `parent`.

    Raises:
        RequestError: If `name` would leave `parent` or is not a plain name.
    """
    plain = name.replace("-", "").replace("_", "").replace(".", "")
    if not plain.isalnum() or not plain.isascii() or name.startswith("."):
        raise RequestError(
            "{name!r} is not a plain name",
            remedy="Use only a to z, A to Z, 0 to 9, '-', '_' and '.', and do not start with a dot",
            name=name,
        )
    return parent / name
