"""What is wanted of the engine, without torch: a page builds it before any model is loaded."""

import datetime as dt
from dataclasses import dataclass
from typing import Literal

from engine.core import regions
from engine.core.errors import RequestError
from engine.data import pairs

Device = Literal["auto", "cpu", "cuda"]

# Steps ahead where a request does not say: a day of hours, the next days, the next months.
LEAD_TIMES = {"hour": 24, "day": 3, "month": 3}


@dataclass(frozen=True)
class Request:
    """What is requested. Equal requests have equal answers, but for the time they took.

    Attributes:
        dataset: Name in the library.
        date: Local date; for monthly data any day of the month.
        region: Name, `W,S,E,N`, or "all".
        model: Name in the catalogue.
        seed: Of whatever is random in the model.
        device: "auto" is CUDA where there is one.
        hour: Local hour, for hourly data. None: the daily mean; for forecasts, the last hour.
        factor: Fine cells along a coarse cell's side (super-resolution).
        train_end: Last local date to learn from; None: the dataset's own.
        resolution: Degrees between cells of a map made from stations; None: by its extent.
        lead_times: Steps ahead (forecast); None: a day of hours, three days, three months.
        members: Possible courses that a probable forecast draws.
        stations: Dataset of fixed stations that a forecast from vehicles uses as well; empty: none.
        wind: Dataset of stations whose wind it uses; empty: none.
    """

    dataset: str
    date: dt.date
    region: str = regions.WHOLE
    model: str = "bicubic"
    seed: int = 0
    device: Device = "auto"
    hour: int | None = None
    factor: int = pairs.FACTOR
    train_end: dt.date | None = None
    resolution: float | None = None
    lead_times: int | None = None
    members: int = 20
    stations: str = ""
    wind: str = ""

    def __post_init__(self) -> None:
        """Refuse what no dataset could meet.

        Raises:
            RequestError: With the value and what may be chosen.
        """
        if self.device not in ("auto", "cpu", "cuda"):
            raise RequestError(
                "no device is called {device!r}",
                remedy="Choose auto, cpu or cuda",
                device=self.device,
            )
        if self.hour is not None and not 0 <= self.hour <= 23:
            raise RequestError("a day has no hour {hour}", remedy="Choose 0 to 23", hour=self.hour)
        if not 2 <= self.factor <= 64:
            raise RequestError(
                "factor {factor} is not between 2 and 64", remedy="Take 8", factor=self.factor
            )
        if self.lead_times is not None and not 1 <= self.lead_times <= 168:
            raise RequestError(
                "{lead_times} lead times are not between 1 and 168", lead_times=self.lead_times
            )
        if not 1 <= self.members <= 100:
            raise RequestError(
                "{members} members are not between 1 and 100",
                remedy="Take 20",
                members=self.members,
            )
        if not 0 <= self.seed < 2**63:
            raise RequestError(
                "seed {seed} is negative or too large", remedy="Take 0", seed=self.seed
            )
