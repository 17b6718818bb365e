import collections
import re
import shutil
import subprocess

import pytest

from app.maps import bundle
from app.maps.labels import LABEL_KEYS, LABELS

SOURCES = {name: (bundle.FRONTEND / f"{name}.js").read_text() for name in bundle.MODULES}
HTML = (bundle.FRONTEND / "map.html").read_text()


def test_every_module_is_bundled():
    there = {p.stem for p in bundle.FRONTEND.glob("*.js")}
    assert there == {*bundle.MODULES, *bundle.STAND_IN}


@pytest.mark.parametrize("modules", [bundle.MODULES, bundle.STAND_IN], ids=["map", "stand-in"])
def test_joined_modules_leave_no_import_and_share_no_name(modules):
    text = bundle.script(modules)
    assert not re.search(r"^import ", text, re.M)
    names = re.findall(r"^(?:async )?(?:function|class|const|let) ([\w$]+)", text, re.M)
    names += [
        n for group in re.findall(r"^const \[([\w, ]+)\]", text, re.M) for n in group.split(", ")
    ]
    twice = [name for name, n in collections.Counter(names).items() if n > 1]
    assert not twice


def test_a_module_may_only_need_what_stands_before_it(monkeypatch):
    with pytest.raises(ValueError, match=r"colour\.js, which does not stand before"):
        bundle.script(("codec", "standin"))


@pytest.mark.parametrize("name", bundle.MODULES)
def test_what_a_module_imports_is_exported(name):
    for names, module in re.findall(
        r"^import \{([^}]*)\} from '\./(\w+)\.js'", SOURCES[name], re.M
    ):
        for wanted in names.split(","):
            exported = rf"^export (async )?(function|class|const) {wanted.strip()}\b"
            assert re.search(exported, SOURCES[module], re.M), f"{module}.js has no {wanted}"


@pytest.mark.skipif(not shutil.which("node"), reason="no Node.js to parse the script with")
def test_the_script_parses(tmp_path):
    path = tmp_path / "maps.mjs"
    path.write_text(bundle.script())
    result = subprocess.run(["node", "--check", path], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr


def test_every_label_is_used_and_every_used_label_exists():
    script = "\n".join(SOURCES.values()) + (bundle.FRONTEND / "standin.js").read_text()
    used = set(re.findall(r"data-(?:text|title|aria)=\"(\w+)\"", HTML))
    used |= set(re.findall(r"labels\.(\w+)", script))
    used |= {"missing", "unreachable"}  # requested by name
    used |= {"used", "withheld", "reanalysed", "invalid"}
    assert used == set(LABEL_KEYS)


def test_labels_keep_their_places():
    assert "{n}" in LABELS["pane"]
    assert "{name}" in LABELS["station_near"] and "{km}" in LABELS["station_near"]


def test_nothing_is_fetched_from_elsewhere():
    for name, text in [*SOURCES.items(), ("html", HTML)]:
        urls = re.findall(r"https?://[^\s'\"`]+", text)
        assert all(u.startswith("http://www.w3.org/") for u in urls), f"{name}: {urls}"


def test_a_module_can_be_read_in_one_sitting():
    long = {name: n for name, text in SOURCES.items() if (n := text.count("\n")) > 400}
    assert not long
