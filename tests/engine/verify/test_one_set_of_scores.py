"""Scores are computed in `engine.verify.metrics` alone: a walk over the sources."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.verify.metrics import METRICS, OLD_NAMES

ROOT = Path(__file__).resolve().parents[3]
SOURCES = sorted([*ROOT.glob("app/**/*.py"), *ROOT.glob("engine/**/*.py")])
HOME = "engine/verify/metrics.py"

LIBRARY = {"corrcoef", "pearsonr", "mean_squared_error", "mean_absolute_error", "r2_score"}
OURS = {"of_errors", "score", "score_valid", "metrics"}
MEANS = {"mean", "nanmean", "average"}
NAMES = (set(METRICS) | set(OLD_NAMES)) - {"r"}

# Module -> why it computes what looks like a score.
ALLOWED = {
    "engine/downscaling/choice.py": "weighs units alike, each with its mean of squares",
    "engine/downscaling/effective_resolution.py": "weighs cells by their area",
    "engine/forecast/networks/mobile_windows.py": "the unit of departures; nothing is predicted",
    "engine/research/airstfm/ablation.py": "a normalised score becomes one in ug m-3",
    "engine/research/comparison/experiments.py": "torch sums of normalised maps, batch by batch",
    "engine/research/stepdiff/cross_validation.py": "sums of many weights of the mean by day",
}


def _called(node: ast.AST) -> str:
    """The last name of a call: `mean` of `np.mean(…)` and of `x.mean()`."""
    if not isinstance(node, ast.Call):
        return ""
    return getattr(node.func, "attr", getattr(node.func, "id", ""))


def _squares(node: ast.AST) -> bool:
    return any(
        (isinstance(n, ast.BinOp) and isinstance(n.op, ast.Pow) and ast.unparse(n.right) == "2")
        or _called(n) == "square"
        for n in ast.walk(node)
    )


def _computes(node: ast.AST) -> bool:
    """Whether an expression does arithmetic, beyond asking for what is computed elsewhere."""
    sums, parts = MEANS | {"sum", "sqrt", "abs"}, list(ast.walk(node))
    if any(_called(n) in OURS for n in parts):
        return False
    return any(isinstance(n, ast.BinOp) or _called(n) in sums for n in parts)


def _named(node: ast.AST) -> Iterator[tuple[str, ast.AST]]:
    """Names that this node gives to values."""
    if isinstance(node, ast.Dict):
        yield from (
            (str(k.value), v)
            for k, v in zip(node.keys, node.values, strict=True)
            if isinstance(k, ast.Constant)
        )
    elif isinstance(node, ast.Call):
        yield from ((str(k.arg), k.value) for k in node.keywords)
    elif isinstance(node, ast.Assign):
        yield from ((ast.unparse(t).split(".")[-1], node.value) for t in node.targets)


def scores_in(source: str) -> list[str]:
    """Where a source computes a score: its line and what it does."""
    seen = []
    for node in ast.walk(ast.parse(source)):
        line = getattr(node, "lineno", 0)
        if _called(node) in LIBRARY:
            seen.append(f"{line}: {_called(node)}")
        half = isinstance(node, ast.BinOp) and isinstance(node.op, ast.Pow)
        half = half and ast.unparse(node.right) == "0.5"
        if half or _called(node) == "sqrt":
            means = [n for n in ast.walk(node) if _called(n) in MEANS]
            if any(_squares(n) for n in means):
                seen.append(f"{line}: the root of a mean square")
        for name, value in _named(node):
            if name in NAMES and _computes(value):
                seen.append(f"{line}: {name}")
    return seen


def test_nobody_else_computes_scores():
    seen = {str(p.relative_to(ROOT)): scores_in(p.read_text(encoding="utf-8")) for p in SOURCES}
    assert seen.pop(HOME)
    elsewhere = {name: lines for name, lines in seen.items() if lines and name not in ALLOWED}
    assert not elsewhere, "take it from engine.verify.metrics"
    idle = [name for name in ALLOWED if not seen[name]]
    assert not idle, "these are allowed what they do no more"


@pytest.mark.parametrize(
    "line",
    [
        "r = np.corrcoef(a, b)[0, 1]",
        "v = float(np.sqrt(np.mean((a - b) ** 2)))",
        "v = float(((a - b) ** 2).mean()) ** 0.5",
        "v = error.square().mean().sqrt()",
        "row = {'mae': np.abs(a - b).mean()}",
        "rmse = np.sqrt(total / count)",
        "Row(bias=(a - b).mean())",
    ],
)
def test_the_walk_sees(line):
    assert scores_in(line)


@pytest.mark.parametrize("line", ["rmse = found['rmse']", "mae = of_errors('mae', error)"])
def test_the_walk_lets_pass(line):
    assert not scores_in(line)
