"""The dashboard as people use it: what is on the screen, what a link says, what axe-core finds."""

import json
import re
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import pytest
from playwright.sync_api import expect
from server import ROOT, serving

AXE = (Path(__file__).parents[1] / "vendor" / "axe.min.js").read_text(encoding="utf-8")
SERIOUS = ("serious", "critical")
VIEWS = (ROOT / "app" / "views").glob("[a-z]*.py")  # pages, and their parts
PAGES = sorted(p.stem for p in VIEWS if "\ndef render(" in p.read_text(encoding="utf-8"))
# Streamlit asks for its own endpoints below a page's path first and gets 404; nothing is wrong.
HARMLESS = ("Failed to load resource",)
# Findings in Streamlit 1.67's own markup that no page can change, each with what it is.
STREAMLITS_OWN: dict[str, str] = {}


PATIENCE_MS = 60_000  # others may keep this machine busy; no test is about speed
expect.set_options(timeout=PATIENCE_MS)


@pytest.fixture(scope="module")
def dashboard(tmp_path_factory):
    """The real server on the small library of the page tests."""
    folder = tmp_path_factory.mktemp("dashboard")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AIRLENS_HOME", str(folder / "home"))
        patch.syspath_prepend(str(ROOT / "tests" / "app"))
        import world

        world.build()
    with serving(ROOT / "app" / "serve.py", folder / "log", folder / "home") as server:
        yield server


@pytest.fixture
def opened(browser, dashboard):
    """Opens a page; afterwards, nothing was asked outside and the console was silent."""
    contexts, outside, said = [], [], []

    def request(request):
        if not request.url.startswith(("http://localhost:", "data:", "blob:")):
            outside.append(request.url)

    def message(message):
        known = any(h in message.text for h in HARMLESS)
        if message.type == "error" and not known:
            said.append(message.text)

    def go(name="map", *, size=(1366, 768), theme="light", locale="en-GB", **query):
        context = browser.new_context(
            viewport={"width": size[0], "height": size[1]}, color_scheme=theme, locale=locale
        )
        contexts.append(context)
        context.on("request", request)
        context.on("console", message)
        context.on("weberror", lambda error: said.append(str(error.error)))
        page = context.new_page()
        page.set_default_timeout(PATIENCE_MS)
        requested = {"dataset": "tiny"} | query
        path = "" if name == "map" else name  # the default page has the bare address
        page.goto(f"{dashboard.url}/{path}?" + "&".join(f"{k}={v}" for k, v in requested.items()))
        return settled(page)

    yield go
    for context in contexts:
        context.close()
    assert not outside, "nothing may be fetched from outside"
    assert not said, "the console must stay silent"


def settled(page):
    """The page once its script has run and no model runs."""
    page.locator("h1").first.wait_for()
    page.wait_for_function(
        """() => !document.querySelector(
        '[data-testid=stStatusWidget], [data-testid=stSkeleton], [class*=st-key-cancel-]')"""
    )
    page.wait_for_timeout(800)
    return page


def lead(page):
    return page.locator(".airlens-lead")


def pick(page, label, option):
    page.get_by_role("combobox", name=re.compile(label)).click()
    page.get_by_role("option", name=option).click()
    settled(page)


def query(page):
    return dict(parse_qsl(urlsplit(page.url).query))


def test_the_first_look(opened):
    page = opened()
    expect(lead(page)).to_contain_text("100 µg/m³")
    canvas = page.locator("canvas").first
    expect(canvas).to_be_visible()
    box = page.locator(".airlens-demo span").bounding_box()
    assert box["y"] >= 0
    # Map, legend and the days are all on the screen without scrolling.
    assert page.locator("input[type=range]").first.bounding_box()["y"] < 768


def test_a_link_shows_a_colleague_the_same(opened):
    page = opened(date="2015-01-03", region="118.5,30.5,120.5,32.5", model="copy")
    first = lead(page).inner_text()
    wanted = query(page)
    again = opened(**{k: v for k, v in wanted.items() if k != "dataset"})
    assert lead(again).inner_text() == first
    assert {k: query(again)[k] for k in wanted} == wanted


def test_choosing_changes_the_link_and_back_goes_back(opened):
    page = opened(date="2015-01-03")
    page.get_by_role("button", name="Later").click()
    expect(page.locator("h1")).to_contain_text("4 January 2015")
    assert query(page)["date"] == "2015-01-04"
    page.wait_for_timeout(2000)  # an address of a moment before could still be on its way
    page.go_back()
    expect(page.locator("h1")).to_contain_text("3 January 2015")


def test_the_choice_goes_along_to_another_page(opened):
    page = opened(date="2015-01-03", model="copy")
    page.get_by_role("link", name="About").click()
    expect(page.locator("h1")).to_have_text("About AirLens")
    page.get_by_role("link", name="Map", exact=True).click()
    expect(page.locator("h1")).to_contain_text("3 January 2015")
    assert query(page)["model"] == "copy"


def test_the_browsers_language_is_the_first_choice(opened):
    page = opened(locale="zh-CN")
    expect(page.locator("h1")).to_have_text("tiny，2015年1月10日")
    assert page.evaluate("document.documentElement.lang") == "zh-CN"
    page.get_by_role("radio", name="English").click()
    expect(page.locator("h1")).to_have_text("tiny, 10 January 2015")
    assert query(page)["lang"] == "en"


# Streamlit's own: names of its icons, which it draws as pictures, and its link for screen readers.
ITS_OWN = {
    "account_tree",
    "download",
    "chevron_left",
    "chevron_right",
    "expand_more",
    "keyboard_arrow_down",
    "keyboard_arrow_right",
}
SKIP_LINK = "Skip to main content"


def test_no_word_of_english_is_left_in_the_chinese_page(opened):
    page = opened(lang="zh")
    text = page.locator("[data-testid=stApp]").inner_text().replace(SKIP_LINK, "")
    # Cities keep both scripts in the table; names and the language switch stay as they are.
    for other in page.locator(".airlens-table .other").all_inner_texts():
        text = text.replace(other, "")
    words = set(re.findall(r"[A-Za-z_]{4,}", text)) - {"English", "DEMO", "RMSE", "tiny"}
    assert words <= ITS_OWN


def uploaded(dialog):
    expect(dialog.get_by_test_id("stFileChip")).to_be_visible()
    expect(dialog.get_by_test_id("stFileChipIconSpinner")).to_have_count(0)


def test_a_dataset_added_while_the_server_runs_appears(opened, dashboard, tmp_path):
    page = opened()
    page.get_by_role("button", name="Add data").click()
    table = tmp_path / "mine.csv"
    rows = [f"2015-01-{d:02d},S1,31.5,119.5,{40 + d}" for d in range(1, 6)]
    table.write_text("date,station,latitude,longitude,pm2p5\n" + "\n".join(rows))
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("radio", name="Stations").click()
    dialog.locator("input[type=file]").first.set_input_files(table)
    uploaded(dialog)
    dialog.get_by_role("textbox", name="Name in the library").fill("mine")
    dialog.get_by_role("button", name="Import").click()
    expect(dialog.get_by_role("alert")).to_contain_text("no time zone")
    dialog.get_by_text("More options (where the files do not say it themselves)").click()
    dialog.get_by_label("Hours that the files’ clock is ahead").fill("8")
    dialog.get_by_role("button", name="Import").click()
    expect(dialog).to_be_hidden()
    expect(page).to_have_url(re.compile("dataset=mine"))
    expect(page.get_by_text("is in the library now")).to_be_visible()


def test_a_file_that_is_none_gets_one_plain_sentence(opened, tmp_path):
    page = opened()
    page.get_by_role("button", name="Add data").click()
    broken = tmp_path / "maps.nc"
    broken.write_bytes(b"CDF\x01 cut short")
    dialog = page.get_by_role("dialog")
    dialog.locator("input[type=file]").first.set_input_files(broken)
    uploaded(dialog)
    dialog.get_by_role("textbox", name="Name in the library").fill("broken")
    dialog.get_by_role("button", name="Import").click()
    alert = dialog.get_by_role("alert")
    expect(alert).to_contain_text("maps.nc")
    assert "Traceback" not in page.content()
    assert "airlens-upload" not in alert.inner_text()


def test_signs_of_stations_are_those_on_the_map(opened):
    signs = opened().locator(".symbols").first
    expect(signs).to_have_text("StationNo valid day")


def test_a_click_on_the_map_opens_the_series(opened):
    page = opened()
    box = page.locator("canvas").first.bounding_box()
    page.mouse.move(box["x"] + box["width"] / 6, box["y"] + box["height"] / 2)
    page.mouse.click(box["x"] + box["width"] / 6, box["y"] + box["height"] / 2)
    chart = page.locator(".st-key-series-panel .js-plotly-plot")
    expect(chart).to_be_visible()
    expect(page.get_by_text("Known value of the cell")).to_be_visible()


def test_a_click_tells_the_course_that_the_stations_around_give(opened):
    page = opened(dataset="demo-stations", model="aqnet")
    box = page.locator("canvas").first.bounding_box()
    page.mouse.move(box["x"] + box["width"] / 6, box["y"] + box["height"] / 2)
    page.mouse.click(box["x"] + box["width"] / 6, box["y"] + box["height"] / 2)
    panel = page.locator(".st-key-series-panel")
    line = panel.locator(".legendtext", has_text="Reanalysed here")
    expect(line).to_be_visible()
    predicted = panel.locator(".js-plotly-plot").evaluate(
        "(plot, name) => plot.data.filter(t => t.name === name).map(t => t.y)",
        line.text_content(),
    )
    assert predicted, "the legend names a line that is drawn"
    assert any(value for value in predicted[0])


def test_a_download_is_what_it_says(opened, tmp_path):
    page = opened(date="2015-01-03", model="bicubic")
    page.get_by_role("button", name="Download").first.click()
    row = page.locator("[data-testid=stPopoverBody]")
    expect(row).to_contain_text("EPSG:4326")
    expect(row).to_contain_text("CC0")
    with page.expect_download() as download:
        row.get_by_role("button", name="Download").first.click()
    assert download.value.suggested_filename == "DEMO_tiny_2015-01-03_all_bicubic.nc"
    assert Path(download.value.path()).read_bytes()[1:4] == b"HDF"


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("name", PAGES)
def test_axe_finds_nothing_serious(opened, name, language, theme):
    page = opened(name, theme=theme, lang=language)
    for button in page.locator("button[data-mode]").all():  # a map's words come after its frame
        expect(button).not_to_have_text("")
    page.evaluate(AXE)
    found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    serious = [
        {"rule": v["id"], "help": v["help"], "where": [n["target"] for n in v["nodes"]][:4]}
        for v in found["violations"]
        if v["impact"] in SERIOUS and v["id"] not in STREAMLITS_OWN
    ]
    assert not serious, json.dumps(serious, indent=1)


@pytest.mark.parametrize("size", [(1366, 768), (1920, 1080), (1024, 768)])
def test_nothing_sticks_out_sideways(opened, size):
    page = opened(size=size)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    for box in page.locator(".airlens-card").all():
        assert box.bounding_box()["x"] + box.bounding_box()["width"] <= size[0]
