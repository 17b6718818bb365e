"""Pages full of hostile names in a real browser: nothing runs, nothing is asked outside."""

import re

import pytest
from server import ROOT, serving

PATIENCE_MS = 60_000
NO_WEBGL = """
const given = HTMLCanvasElement.prototype.getContext;
HTMLCanvasElement.prototype.getContext = function (kind, ...rest) {
  return kind.startsWith('webgl') ? null : given.call(this, kind, ...rest);
};"""


@pytest.fixture(scope="module")
def hostile_server(tmp_path_factory):
    folder = tmp_path_factory.mktemp("hostile-server")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AIRLENS_HOME", str(folder / "home"))
        patch.syspath_prepend(str(ROOT / "tests" / "app"))
        import hostile

        hostile.build()
    with serving(ROOT / "app" / "serve.py", folder / "log", folder / "home") as server:
        yield server


@pytest.fixture
def visit(browser, hostile_server):
    """Opens a page; afterwards nothing has run, nothing was asked outside or refused by policy."""
    contexts, wrong = [], []

    def go(path, *, script=""):
        context = browser.new_context(viewport={"width": 1366, "height": 900})
        contexts.append(context)

        def requested(request):
            if not request.url.startswith((hostile_server.url, "data:", "blob:")):
                wrong.append(request.url)

        context.on("request", requested)
        context.on("dialog", lambda dialog: wrong.append(dialog.message))
        context.on(
            "console", lambda m: "Content Security Policy" in m.text and wrong.append(m.text)
        )
        page = context.new_page()
        page.set_default_timeout(PATIENCE_MS)
        if script:
            page.add_init_script(script)
        page.goto(f"{hostile_server.url}/{path}")
        page.locator("h1").first.wait_for()
        page.wait_for_function(
            """() => !document.querySelector(
            '[data-testid=stStatusWidget], [data-testid=stSkeleton], [class*=st-key-cancel-]')"""
        )
        page.wait_for_timeout(800)
        assert page.evaluate("window.hacked") is None
        return page

    yield go
    for context in contexts:
        context.close()
    assert not wrong


MODELS = "&model=idw&date=2015-01-02"
PAGES = [
    "?dataset=hostile&date=2015-01-02",
    "compare?dataset=hostile&date=2015-01-02",
    "errors?dataset=hostile&date=2015-01-02",
    f"stations?dataset=hostile-stations{MODELS}",
    "forecast?dataset=hostile-mobile&model=persistence",
    "about?dataset=hostile",
]


@pytest.mark.parametrize("path", PAGES)
def test_a_page_of_hostile_names(visit, path):
    page = visit(path)
    assert page.locator("img[src*=outside]").count() == 0
    assert page.locator("a[href*=outside]").count() == 0


def test_the_record_of_a_map_shows_the_letters(visit):
    page = visit(PAGES[0])
    page.get_by_role("button", name=re.compile("Provenance")).click()
    page.get_by_text("{{7*7}}").first.wait_for()
    text = page.locator(".airlens-list").all_inner_texts()
    assert any('<img src="http://outside.example/i.png"' in t for t in text)


def test_the_table_of_stations_shows_the_letters(visit):
    page = visit(PAGES[3])
    page.get_by_text("{{7*7}}").first.wait_for()


def test_without_webgl_nothing_runs_either(visit):
    page = visit(PAGES[3], script=NO_WEBGL)
    frame = page.frame_locator("iframe.standin").first
    frame.locator("html[data-connected]").wait_for()
    names = frame.locator("html").evaluate(
        "() => JSON.parse(document.getElementById('view').textContent).points.map(p => p.name)"
    )
    assert "{{7*7}}" in names and "</script><script>window.hacked=1</script>" in names
    assert frame.locator("html").evaluate("() => window.hacked") is None


def test_a_saved_page_runs_nothing(visit, browser, tmp_path):
    page = visit(PAGES[3])
    page.locator(".airmap .save summary").click()
    with page.expect_download() as download:
        page.locator('.airmap [data-do="save_html"]').click()
    download.value.save_as(tmp_path / "map.html")
    alone = browser.new_context(offline=True)
    requested = []
    alone.on("request", lambda r: requested.append(r.url))
    saved = alone.new_page()
    saved.goto((tmp_path / "map.html").as_uri())
    saved.locator(".legend svg").first.wait_for()
    assert saved.evaluate("window.hacked") is None
    assert "{{7*7}}" in saved.locator("footer").inner_text()
    alone.close()
    assert all(url.startswith(("file:", "data:", "blob:")) for url in requested)
