"""How much a file may unpack to, known before any value is read.

112 kB of GeoTIFF can hold 13 GB. Each reader counts first and calls `Limit.check`; the sentence
names the size, the limit and the setting. The limits suit a machine with 8 GB; steps are read one
by one, so a long record is no larger than one step of it.
"""

import os
from dataclasses import dataclass

from engine.core.errors import DataError, RequestError


@dataclass(frozen=True)
class Limit:
    """One limit.

    Attributes:
        setting: Environment variable that changes it.
        default: Where that is not set.
        noun: What is counted.
    """

    setting: str
    default: int
    noun: str

    def value(self) -> int:
        """The limit in force.

        Raises:
            RequestError: If the setting is no whole number above 0.
        """
        text = os.environ.get(self.setting, "").strip()
        if not text:
            return self.default
        if not text.isdecimal() or int(text) < 1:
            raise RequestError(
                "{setting} is {text!r}",
                remedy="Set it to a whole number above 0",
                setting=self.setting,
                text=text[:40],
            )
        return int(text)

    def check(self, count: int, *, what: str, where: str) -> None:
        """Refuse what is larger.

        Raises:
            DataError: With the size, the limit and the setting.
        """
        most = self.value()
        if count > most:
            raise DataError(
                "{thing} has {count} {noun}, and at most {most} are read",
                where=where,
                remedy="Cut it into smaller files, or set {setting} higher",
                thing=what,
                count=f"{count:,}",
                noun=self.noun,
                most=f"{most:,}",
                setting=self.setting,
            )


CELLS = Limit("AIRLENS_MAX_CELLS", 60_000_000, "cells")
ROWS = Limit("AIRLENS_MAX_ROWS", 50_000_000, "rows")
BYTES = Limit("AIRLENS_MAX_BYTES", 4_000_000_000, "bytes unpacked")
STEPS = Limit("AIRLENS_MAX_STEPS", 2_000_000, "time steps")
TEXT = Limit("AIRLENS_MAX_TEXT", 200_000_000, "bytes of text")
LINE = Limit("AIRLENS_MAX_LINE", 1_000_000, "bytes in its first line")
# Cells of a regular grid for each cell of the curvilinear one that it stands for; at usual map
# projections 1 to 3.
STRETCH = 25
