"""`docs/results/comparison.md`: the committed comparisons on one page.

`python -m engine.research.comparison.page` makes it anew from the records that are there.
"""

from pathlib import Path

from engine.comparison.page import PAGE, collect
from engine.comparison.runs import RECORD
from engine.core.paths import ROOT
from engine.core.results_page import TEMPLATES
from engine.research.comparison import experiments

RESULTS = ROOT / "docs" / "results"


def page(path: Path = RESULTS / PAGE, records: Path = RESULTS / "comparison") -> None:
    """Write the page from the records in the folders below `records`."""
    folders = sorted(found.parent for found in records.glob(f"*/{RECORD}"))
    collect(
        folders,
        path,
        TEMPLATES / PAGE,
        experiments.section(records / experiments.RESULTS.name),
    )


if __name__ == "__main__":
    page()
