"""The shape of the house, where import-linter cannot see it."""

import ast
import importlib.metadata
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
SOURCES = sorted([*ROOT.glob("app/**/*.py"), *ROOT.glob("engine/**/*.py")])
LONGEST_MODULE = 400


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: str(p.relative_to(ROOT)))
def test_a_module_can_be_read_in_one_sitting(path):
    lines = path.read_text().count("\n")
    assert lines <= LONGEST_MODULE, f"{lines} lines; split it by what it does"


def test_folders_are_two_levels_deep():
    """Three levels are for the networks of a task and for the rooms of research."""

    def allowed(parts: tuple[str, ...]) -> int:
        return 4 if parts[1] == "research" or parts[2:3] == ("networks",) else 3

    deep = [p for p in SOURCES if len(q := p.relative_to(ROOT).parts) > allowed(q)]
    assert not deep, f"{deep} lie deeper than package/folder/module"


def test_no_drawer_for_odds_and_ends():
    drawers = [p for p in SOURCES if re.fullmatch(r"(utils?|helpers?|misc|common)", p.stem)]
    assert not drawers


def test_no_module_of_the_app_hides_an_installed_one():
    # `streamlit run app/serve.py` puts app/ first on sys.path: app/calendar.py would shadow
    # the standard library's.
    installed = set(importlib.metadata.packages_distributions()) | set(sys.stdlib_module_names)
    ours = {p.stem for p in (ROOT / "app").glob("*.py")} | {
        p.name for p in (ROOT / "app").iterdir() if p.is_dir()
    }
    # The package names of this project are installed too, by the editable install.
    assert not (ours - {"__init__", "__pycache__"}) & installed


def test_nothing_is_unpickled():
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.keyword) and node.arg == "allow_pickle":
                assert isinstance(node.value, ast.Constant), path
                assert node.value.value is False, f"{path}:{node.value.lineno}"
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "torch.load":
                raise AssertionError(f"{path}:{node.lineno} loads a pickle")


def test_every_dependency_has_its_reason():
    text = (ROOT / "pyproject.toml").read_text()
    project = tomllib.loads(text)["project"]
    for requirement in [*project["dependencies"], *project["optional-dependencies"]["dev"]]:
        line = next(line for line in text.splitlines() if f'"{requirement}"' in line)
        known_by_name = requirement.startswith(("pytest>", "mypy", "ruff"))
        assert known_by_name or "#" in line, f"{requirement} says not why it is here"


def test_imports_point_down():
    lint = Path(sys.executable).with_name("lint-imports")
    result = subprocess.run([lint], cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout


def test_every_module_has_its_place_in_the_order():
    """A module belongs to the row of the longest prefix of its name; the package roots are free."""
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    rows = [c["layers"] for c in contracts["tool"]["importlinter"]["contracts"] if "layers" in c]
    placed = {name.strip(" ()") for layers in rows for row in layers for name in row.split("|")}
    names = {".".join(p.relative_to(ROOT).with_suffix("").parts) for p in SOURCES}
    inner = {n for n in names if n.count(".") >= 2}  # in a folder
    single = {n for n in names if n.count(".") == 1 and not n.endswith(("__init__", "__main__"))}
    homeless = {n for n in inner | single if not _row_of(n, placed - {"app", "engine"})}
    assert not homeless


def _row_of(name: str, placed: set[str]) -> str | None:
    while name and name not in placed:
        name = name.rpartition(".")[0]
    return name or None


def test_a_wrong_shape_still_fails():
    """`--jaxtyping-packages` names folders; a folder that has moved would switch the checks off."""
    import torch

    from engine.superresolution.networks.masking import masked_block_mean

    with pytest.raises(Exception, match="Type-check"):
        masked_block_mean(torch.zeros(2), torch.zeros(3, dtype=torch.bool), 8)


@pytest.mark.parametrize("module", ["engine.cli", "engine.inference", "engine.library"])
def test_research_is_not_loaded_by_the_product(module):
    code = (
        f"import sys, {module}; print([m for m in sys.modules if m.startswith('engine.research')])"
    )
    run = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert run.stdout.strip() == "[]"


def test_folders_of_tests_mirror_those_of_the_code():
    for path in ROOT.glob("tests/*/**/test_*.py"):
        folder = path.parent.relative_to(ROOT / "tests")
        if folder.parts[0] in ("app", "engine"):
            assert (ROOT / folder).is_dir(), f"{path}: no package {folder}"


def test_the_map_of_the_house_names_files_that_are_there():
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    ours = [*ROOT.glob("*"), *ROOT.glob("app/**/*"), *ROOT.glob("engine/**/*")]
    ours += [*ROOT.glob("tests/**/*"), *ROOT.glob("docs/**/*")]
    known = {f"/{path.relative_to(ROOT)}" for path in ours}
    named = set(re.findall(r"`([\w/{},.]+\.(?:py|json|md|toml))`", text))
    named = {name for name in named if not re.search(r"[A-Z]{4}", name) or name == "README.md"}
    assert len(named) > 60
    for name in named:
        for language in ("en", "zh"):
            one = name.replace("{en,zh}", language)
            assert any(path.endswith(f"/{one}") for path in known), name
