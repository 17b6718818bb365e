"""The browser's part as one script: the modules of `frontend/`, joined in a fixed order.

Streamlit takes a component's script as one text. The modules are plain ES modules that name what
they need from each other, so that an editor and a reader can follow them; joining them means
dropping those imports and exports, since in one scope every name is there already. No build step,
no npm: the same files give the same bytes.
"""

import re
from functools import lru_cache
from pathlib import Path

FRONTEND = Path(__file__).parent / "frontend"

# What a module needs stands before it.
MODULES = (
    "codec",
    "fetching",
    "fading",
    "colour",
    "geometry",
    "address",
    "memory",
    "library",
    "legend",
    "symbols",
    "overlay",
    "sketch",
    "scene",
    "points",
    "panes",
    "reading",
    "drawing",
    "picture",
    "leaflet",
    "keyboard",
    "pointer",
    "clock",
    "controls",
    "maps",
)
# The part that a Leaflet page needs.
STAND_IN = ("codec", "colour", "geometry", "legend", "standin")
_IMPORT = re.compile(r"^import \{[^}]*\} from '\./([a-z]+)\.js';\n", re.MULTILINE)
_EXPORT = re.compile(r"^export (?!default)", re.MULTILINE)


@lru_cache(maxsize=4)
def script(modules: tuple[str, ...] = MODULES) -> str:
    """The joined script; of all modules, its default export is what Streamlit calls.

    Raises:
        ValueError: If a module needs one that does not stand before it.
    """
    parts = []
    for index, name in enumerate(modules):
        text = (FRONTEND / f"{name}.js").read_text(encoding="utf-8")
        for needed in _IMPORT.findall(text):
            if needed not in modules[:index]:
                raise ValueError(f"{name}.js needs {needed}.js, which does not stand before it")
        parts.append(f"// {name}.js\n" + _EXPORT.sub("", _IMPORT.sub("", text)))
    return "\n".join(parts)
