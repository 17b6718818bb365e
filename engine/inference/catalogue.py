"""Every model there is: one literal dict, from name to what it does and how it is built.

To add a model: write its network in the `networks` folder of its task, a recipe if none fits, a
function in `engine.inference.builders`, an entry in `MODELS`; the rest: `docs/architecture.md`.
"""

from difflib import get_close_matches

from engine.core.errors import NotFoundError, RequestError
from engine.core.task import TaskName
from engine.inference import builders
from engine.inference.builders import Entry, Model, Setting
from engine.library import DatasetInfo
from engine.library.weights_table import weights_for

__all__ = [
    "MODELS",
    "NETWORKS",
    "Entry",
    "Model",
    "Setting",
    "check_kind",
    "find",
    "weights_for",
]

# Two coarse cells are what bicubic interpolation looks at on either side.
_HALO = 2
# Windows of attention span ten coarse cells; more context than this changes little.
_NETWORK_HALO = 10


def _compared(name: str, title: str, summary: str) -> Entry:
    """Entry of a network that AirSTFM is compared with."""
    task: TaskName = "super-resolution"
    return Entry(
        name, task, ("grid",), title, summary, builders.network(name, title), halo=_NETWORK_HALO
    )


# Those that need weights; `engine.superresolution.networks.networks` says how each is built.
NETWORKS = ("airstfm", "urbanfm", "edvr", "basicvsr", "iconvsr", "basicvsrpp", "mana")

MODELS: dict[str, Entry] = {
    entry.name: entry
    for entry in (
        Entry(
            "copy",
            "super-resolution",
            ("grid",),
            "Block copy",
            "Every fine cell takes the value of its coarse cell.",
            builders.interpolation("copy"),
        ),
        Entry(
            "bilinear",
            "super-resolution",
            ("grid",),
            "Bilinear",
            "Straight lines between the centres of coarse cells.",
            builders.interpolation("bilinear"),
            halo=_HALO,
        ),
        Entry(
            "bicubic",
            "super-resolution",
            ("grid",),
            "Bicubic",
            "Smooth curves through the centres of coarse cells.",
            builders.interpolation("bicubic"),
            halo=_HALO,
        ),
        Entry(
            "ha",
            "super-resolution",
            ("grid",),
            "Historical ratio",
            "The coarse value times the share that each fine cell had of it in the training part.",
            builders.ratio("copy", "copy"),
        ),
        Entry(
            "ha-monthly",
            "super-resolution",
            ("grid",),
            "Historical ratio by month",
            "As the historical ratio, with shares for each month, smoothed over three.",
            builders.ratio("copy-monthly", "copy"),
        ),
        Entry(
            "ha-climatology",
            "super-resolution",
            ("grid",),
            "Climatology",
            "The mean fine map of the training part, whatever the coarse map says.",
            builders.climatology,
        ),
        Entry(
            "bilinear-ratio",
            "super-resolution",
            ("grid",),
            "Bilinear × monthly ratio",
            "Bilinear, times the ratio that each cell had to it by month, with exact block means.",
            builders.ratio("bilinear-monthly", "bilinear"),
            halo=_HALO,
        ),
        Entry(
            "bicubic-ratio",
            "super-resolution",
            ("grid",),
            "Bicubic × monthly ratio",
            "Bicubic, times the ratio that each cell had to it by month, with exact block means.",
            builders.ratio("bicubic-monthly", "bicubic"),
            halo=_HALO,
        ),
        Entry(
            "local-regression",
            "super-resolution",
            ("grid",),
            "Local regression",
            "Bicubic, corrected by a regression on earlier coarse cells around; learned "
            "from five years or more of the dataset.",
            builders.local_regression,
            halo=_HALO,
        ),
        _compared(
            "urbanfm",
            "Urban-FM",
            "A network that shares each coarse value out among its fine cells.",
        ),
        _compared(
            "edvr",
            "EDVR",
            "A network that aligns five maps by deformable convolution and fuses them.",
        ),
        _compared(
            "basicvsr",
            "BasicVSR",
            "A network that carries what it saw backward and forward along the flow.",
        ),
        _compared(
            "iconvsr", "IconVSR", "BasicVSR, refreshed at key maps and with coupled directions."
        ),
        _compared(
            "basicvsrpp",
            "BasicVSR++",
            "A network of four passes, aligned over two maps by flow and deformation.",
        ),
        _compared(
            "mana",
            "MANA",
            "A network that looks for the like of each cell in five maps and in a memory.",
        ),
        Entry(
            "airstfm",
            "super-resolution",
            ("grid",),
            "AirSTFM",
            "A network that looks at five maps at once and knows how far it may be off.",
            builders.airstfm,
            halo=_NETWORK_HALO,
        ),
        Entry(
            "idw",
            "reanalysis",
            ("stations",),
            "Inverse distance",
            "Each cell is the mean of its nearest stations, weighted by inverse squared distance.",
            builders.idw,
        ),
        Entry(
            "kriging",
            "reanalysis",
            ("stations",),
            "Ordinary kriging",
            "The best linear unbiased estimate from all stations, with its standard deviation.",
            builders.kriging,
        ),
        Entry(
            "aqnet",
            "reanalysis",
            ("stations",),
            "AQ-Net",
            "A network that corrects kriging by what stations measured before and after.",
            builders.aqnet,
        ),
        Entry(
            "persistence",
            "forecast",
            ("grid", "stations", "mobile"),
            "Persistence",
            "What was last measured goes on.",
            builders.persistence,
        ),
        Entry(
            "stepdiff",
            "forecast",
            ("mobile",),
            "STeP-Diff",
            "A diffusion network that draws possible fields of a city's next hours from what "
            "vehicles measured; its physics is our reconstruction.",
            builders.stepdiff,
        ),
    )
}


def find(name: str) -> Entry:
    """The entry of a model.

    Raises:
        NotFoundError: If there is none of that name, naming the closest and all there are.
    """
    wish = name.strip().lower()
    if wish in MODELS:
        return MODELS[wish]
    close = get_close_matches(wish, MODELS, n=1)
    raise NotFoundError(
        "no model is named {name!r}",
        remedy="Did you mean {close!r}? Known are {models}" if close else "Known are {models}",
        name=name.strip(),
        close="".join(close),
        models=tuple(MODELS),
    )


def check_kind(entry: Entry, about: DatasetInfo) -> None:
    """Refuse a dataset of a kind that the model cannot start from.

    Raises:
        RequestError: Naming the models that can.
    """
    if about.kind in entry.kinds:
        return
    # The same task first: who requested a map from stations does not want a forecast.
    able = [other for other in MODELS.values() if about.kind in other.kinds]
    able = [other for other in able if other.task == entry.task] or able
    raise RequestError(
        "model {model!r} starts from a dataset of kind {kinds:or}; {dataset!r} is of kind {kind}",
        remedy="For that kind choose {models}",
        model=entry.name,
        kinds=entry.kinds,
        dataset=about.name,
        kind=about.kind,
        models=tuple(other.name for other in able),
    )
