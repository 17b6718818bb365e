"""The map as a reader meets it, drawn by software WebGL: every promise of the component."""

import io
import re
import sys
import time
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import expect

from app.maps import frames
from app.maps.labels import LABELS

sys.path.append(str(Path(__file__).parent / "pages"))
import maps_values as known

PATIENCE_S = 60  # others may keep this machine busy; no test is about speed
# Resolves when nothing is left to be drawn and everything fetched is on the screen.
SETTLED = """async root => {
  const frame = () => new Promise(requestAnimationFrame);
  for (;;) {
    await frame();
    await frame();
    const deck = root.airmap.drawing?.deck;
    if (!deck) return;
    const layers = deck.layerManager.getLayers();
    if (!deck.needsRedraw() && layers.every(layer => layer.isLoaded)) return;
  }
}"""


class MapOnPage:
    """Short names for what tests do with a map."""

    def __init__(self, page, url):
        self.page = page
        self.sent = []  # websocket messages to the server
        page.on("websocket", lambda ws: ws.on("framesent", lambda data: self.sent.append(data)))
        page.goto(url)
        self.ready()

    def ready(self):
        self.root = self.page.locator(".airmap[data-drawn], .airmap[data-standin]")
        self.root.wait_for()
        self.stage = self.root.locator(".stage")
        return self.settled()

    def settled(self):
        self.root.evaluate(SETTLED)
        return self

    def js(self, expression):
        return self.root.evaluate(f"root => {{ const map = root.airmap; return {expression}; }}")

    def until(self, expression):
        """Wait for an expression in the page to hold, and give its value."""
        end = time.monotonic() + PATIENCE_S
        while time.monotonic() < end:
            if value := self.js(expression):
                return value
            self.page.wait_for_timeout(50)
        raise AssertionError(f"never came: {expression}")

    def camera(self):
        return self.js("map.camera")

    def pixel(self, lon, lat, pane=0):
        """Pixel of the window where a pane shows a place."""
        x, y = self.js(
            f"(() => {{ const v = map.drawing.deck.getViewports()[{pane}];"
            f" const [x, y] = v.project([{lon}, {lat}]); return [x + v.x, y]; }})()"
        )
        box = self.stage.bounding_box()
        return box["x"] + 1 + x, box["y"] + 1 + y  # the stage has a border of one pixel

    def point(self, lon, lat, pane=0):
        self.page.mouse.move(*self.pixel(lon, lat, pane))
        within = "2 * 360 / (512 * 2 ** map.camera.zoom)"
        self.until(
            f"map.at && Math.abs(map.at[0] - {lon}) < {within}"
            f" && Math.abs(map.at[1] - {lat}) < {within}"
        )

    def heads(self):
        self.until("![...root.querySelectorAll('.head .value')].some(e => e.textContent === '…')")
        return self.root.locator(".head .value").all_inner_texts()

    def reading(self):
        return self.root.locator(".reading").inner_text()

    def zoomed(self, lon, lat):
        """Turn the wheel over a place, and wait for the camera to have moved."""
        before = self.camera()["zoom"]
        self.page.mouse.move(*self.pixel(lon, lat))
        self.page.mouse.wheel(0, -300)
        self.until(f"map.camera.zoom > {before} + 0.3")
        return self.settled().camera()

    def picture(self):
        self.settled()
        return np.asarray(Image.open(io.BytesIO(self.stage.screenshot())).convert("RGB")).astype(
            int
        )

    def mode(self, name):
        self.root.locator(f'button[data-mode="{name}"]').click()
        self.until(f"map.mode === '{name}'")
        self.settled()

    def option(self, name, on):
        box = self.root.locator(f'input[name="{name}"]')
        if not box.is_visible():
            self.root.locator(".options summary").click()
        box.set_checked(on)


@pytest.fixture
def on_page(page, maps_server):
    return lambda query="": MapOnPage(page, f"{maps_server.url}/?{query}")


def number(text):
    found = re.search(r"[+−]?[\d.]+", text)
    return float(found[0].replace("−", "-"))


# ---- reading ------------------------------------------------------------------------------------


@pytest.mark.parametrize(("row", "column"), [(40, 300), (333, 421), (700, 780)])
def test_hover_reads_what_the_array_holds(on_page, row, column):
    lon, lat = known.FINE.longitude[column], known.FINE.latitude[row]
    # A cell is three pixels wide, so that the pixel under the cursor is in no other.
    here = on_page(f"at={lon + 0.3},{lat + 0.2},8")
    here.point(lon, lat)
    got = [number(text) for text in here.heads()]
    wanted = [
        known.coarse_values(0)[row // 8, column // 8],
        known.fine_values(0)[row, column],
        known.error_values(0)[row, column],
    ]
    # Sent and printed in tenths.
    assert got == pytest.approx([float(w) for w in wanted], abs=0.1001)
    assert f"{lat:.3f}° N {lon:.3f}° E" in here.reading()


def test_hover_is_right_at_the_edge_of_a_cell(on_page):
    # A tenth of a cell on either side of the edge between two cells, zoomed in so that a cell
    # is many pixels wide: an offset of half a cell would read the neighbour.
    here = on_page("at=118.25,31.7,12&view=single&show=fine")
    row, column = 312, 280
    edge = known.FINE.longitude[column] + known.FINE.step_lon / 2
    lat = known.FINE.latitude[row]
    for side, expected in ((-0.1, column), (0.1, column + 1)):
        here.point(edge + side * known.FINE.step_lon, lat)
        value = float(known.fine_values(0)[row, expected])
        assert number(here.heads()[0]) == pytest.approx(value, abs=0.1001)
    there = known.fine_values(0)[row, column : column + 2]
    assert abs(there[0] - there[1]) > 0.3  # else the test could not tell


def test_missing_values_are_said_to_be_missing(on_page):
    here = on_page()
    here.point(known.FINE.longitude[620], known.FINE.latitude[160])
    assert here.heads() == ["No data"] * 3


def test_the_station_near_by_is_named(on_page):
    here = on_page("at=117.4,32.1,8&view=single")
    here.point(117.29, 31.87)
    assert re.search(r"Hefei, 1\.\d km: [\d.]+ µg/m³ \(Station, withheld\)", here.reading())
    here.js("map.look({ longitude: 117.4, latitude: 32.9, zoom: 8 })")
    here.settled()
    here.point(117.38, 32.93)
    assert "Bengbu" in here.reading() and "No valid day" in here.reading()


def test_hover_makes_no_call_to_the_server(on_page):
    here = on_page()
    before = len(here.sent)
    for lon in np.linspace(116.5, 121, 12):
        here.point(lon, 32.0)
    here.zoomed(119.0, 32.0)
    here.page.wait_for_timeout(600)  # longer than the map rests before it would speak
    assert len(here.sent) == before


def test_a_click_reaches_python_with_cell_and_station(on_page):
    here = on_page()
    here.page.mouse.click(*here.pixel(118.78, 32.05, pane=1))
    status = here.page.get_by_text("click Click(")
    status.wait_for()
    text = status.inner_text()
    assert "station='S0'" in text
    row = round((known.FINE.north - 32.05) / 0.008)
    column = round((118.78 - known.FINE.west) / 0.008)
    near = known.fine_values(0)[row - 2 : row + 3, column - 2 : column + 3]
    fine = float(re.search(r"'fine': ([\d.]+)", text)[1])
    assert near.min() - 0.1 <= fine <= near.max() + 0.1
    assert "runs 2" in text  # one click, one run


# ---- views --------------------------------------------------------------------------------------


def test_panes_pan_together(on_page):
    here = on_page()
    before = here.camera()
    x, y = here.pixel(118.5, 31.5, pane=1)
    here.page.mouse.move(x, y)
    here.page.mouse.down()
    here.page.mouse.move(x - 60, y + 40, steps=6)
    here.page.mouse.up()
    here.until(f"Math.abs(map.camera.longitude - {before['longitude']}) > 0.2")
    centres = here.js("map.drawing.deck.getViewports().map(v => [v.longitude, v.latitude, v.zoom])")
    assert len(centres) == 3
    assert centres[0] == centres[1] == centres[2]
    assert centres[0][0] > before["longitude"] and centres[0][1] > before["latitude"]


def test_the_wheel_zooms_all(on_page):
    here = on_page()
    here.zoomed(118.5, 31.5)
    zooms = here.js("map.drawing.deck.getViewports().map(v => v.zoom)")
    assert zooms[0] == zooms[1] == zooms[2]


def test_swiped_halves_are_one_map(on_page):
    here = on_page("view=swipe&show=fine+error")
    for place in ((118.0, 31.0), (119.5, 32.5)):
        assert here.pixel(*place, pane=0) == pytest.approx(here.pixel(*place, pane=1), abs=0.02)
    handle = here.root.locator(".handle")
    box, stage = handle.bounding_box(), here.stage.bounding_box()
    here.page.mouse.move(box["x"] + box["width"] / 2, box["y"] + 40)
    here.page.mouse.down()
    here.page.mouse.move(stage["x"] + 0.25 * stage["width"], box["y"] + 40, steps=5)
    here.page.mouse.up()
    assert here.js("map.swipeAt") == pytest.approx(0.25, abs=0.01)
    assert here.pixel(118.0, 31.0, pane=0) == pytest.approx(
        here.pixel(118.0, 31.0, pane=1), abs=0.02
    )
    # Left of the line concentration, right of it the error: blue occurs on one side only.
    picture = here.picture()
    line = round(0.25 * picture.shape[1])
    blue = (picture[..., 2] > picture[..., 0] + 60).sum(axis=0)
    assert blue[line + 10 :].sum() > 5000 > 50 > blue[20 : line - 20].sum()


def test_blink_shows_one_and_then_the_other(on_page):
    here = on_page("view=blink&show=fine+error")
    assert here.root.get_attribute("data-shown") == "fine"
    first = here.picture()
    here.root.locator(".switch").click()
    here.until("root.dataset.shown === 'error'")
    second = here.picture()
    assert np.abs(first - second).max(axis=2).mean() > 20
    here.stage.press("Space")
    here.until("root.dataset.shown === 'fine'")


def test_one_map_and_another_layer(on_page):
    here = on_page("view=single")
    here.root.locator(".head select").select_option("error")
    here.until("root.dataset.shown === 'error'")
    assert len(here.js("map.drawing.deck.getViewports()")) == 1
    assert "Error (µg/m³)" in here.root.locator(".legends").inner_text()


def test_legends_are_there_in_every_view(on_page):
    here = on_page()
    for mode, legends in (("three", 3), ("two", 2), ("swipe", 1), ("blink", 1), ("single", 1)):
        here.mode(mode)
        shown = here.root.locator(".legends svg")
        assert shown.count() == legends, mode
        assert "µg/m³" in shown.first.text_content()


def test_numbers_of_a_narrow_legend_do_not_touch(on_page):
    here = on_page()
    here.page.set_viewport_size({"width": 480, "height": 900})
    # A legend that is being laid out anew has no width, and its numbers no boxes.
    here.until(
        "(svgs => svgs.length === 3 && svgs.every(s => s.clientWidth > 60 && s.clientWidth < 165))"
        "([...root.querySelectorAll('.legends svg')])"
    )
    apart = here.until(
        """[...root.querySelectorAll('.legends svg')].flatMap((svg) => {
            const foot = [...svg.querySelectorAll('text[y="46"]')];
            const boxes = foot.map((t) => t.getBoundingClientRect()).sort((a, b) => a.x - b.x);
            return boxes.slice(1).map((box, i) => box.left - boxes[i].right);
        })"""
    )
    assert len(apart) >= 6
    assert min(apart) > 2


# ---- time ---------------------------------------------------------------------------------------


def test_arrow_keys_on_the_slider_change_the_day_without_a_call(on_page):
    here = on_page()
    before = len(here.sent)
    here.root.locator(".days").focus()
    here.page.keyboard.press("ArrowRight")
    here.page.keyboard.press("ArrowRight")
    here.until("root.dataset.day === '2015-01-03'")
    assert here.root.locator(".date").inner_text() == "3 January 2015"
    here.point(119.0, 31.0)
    row = round((known.FINE.north - 31.0) / 0.008)
    column = round((119.0 - known.FINE.west) / 0.008)
    near = known.fine_values(2)[row - 3 : row + 4, column - 3 : column + 4]
    assert near.min() - 0.1 <= number(here.heads()[1]) <= near.max() + 0.1
    assert len(here.sent) == before


def test_playback_goes_on_by_itself_and_stops(on_page):
    here = on_page("days=4")
    before = len(here.sent)
    play = here.root.locator(".play")
    assert play.get_attribute("aria-label") == "Play"
    play.click()
    seen = {here.until(f"root.dataset.day === '2015-01-0{d}' && root.dataset.day") for d in (2, 3)}
    assert len(seen) == 2
    assert play.get_attribute("aria-label") == "Pause"
    play.click()
    expect(play).to_have_attribute("aria-label", "Play")
    here.until("map.painted === map.day")  # a day that was under way still comes
    day = here.js("map.day")
    here.page.wait_for_timeout(1200)  # more than two days of playback
    assert here.js("map.day") == day
    assert len(here.sent) == before


@pytest.mark.parametrize(("motion", "pace"), [("no-preference", 500), ("reduce", 1500)])
def test_playback_is_calm_for_who_asked_for_calm(on_page, page, motion, pace):
    page.emulate_media(reduced_motion=motion)
    here = on_page("days=4")
    # How long the clock asks to wait for: the pace without what a slow machine adds.
    here.js(
        """(() => {
          const wait = globalThis.setTimeout;
          globalThis.waits = [];
          globalThis.setTimeout = (then, ms) => { waits.push(ms); return wait(then, 0); };
          map.clock.go = async () => {};  // a step that takes no time
          map.clock.play(true);
        })()"""
    )
    here.until("globalThis.waits.some(ms => ms > 300)")
    here.js("map.clock.play(false)")
    longest = max(here.js("globalThis.waits.filter(ms => ms > 300)"))
    assert pace - 100 < longest <= pace


def test_resting_on_a_day_tells_python_where_it_was_asked_to(on_page):
    here = on_page("report")
    here.root.locator('[data-do="next"]').click()
    here.page.get_by_text("day 2015-01-02").wait_for()
    assert "runs 2" in here.page.get_by_text("day 2015-01-02").inner_text()


def test_a_day_ahead_is_there_before_it_is_asked_for(on_page):
    here = on_page()
    fetched = """performance.getEntriesByType('resource').map(r => new URL(r.name).pathname)
        .filter(name => name.includes('/data/'))"""
    here.until(f"{fetched}.length >= 9")
    before = here.js(fetched)
    urls = here.js("Object.values(map.data.days[1].urls)")
    assert set(urls) <= set(before)
    here.root.locator(".days").press("ArrowRight")
    here.until("root.dataset.day === '2015-01-02'")
    after = here.js(fetched)[len(before) :]  # it may fetch further ahead
    assert not set(urls) & set(after)


# ---- keyboard -----------------------------------------------------------------------------------


def test_without_a_mouse(on_page):
    here = on_page()
    here.stage.focus()
    before = here.camera()
    here.page.keyboard.press("ArrowRight")
    here.page.keyboard.press("ArrowUp")
    here.page.keyboard.press("+")
    after = here.camera()
    assert after["longitude"] > before["longitude"]
    assert after["latitude"] > before["latitude"]
    assert after["zoom"] == pytest.approx(before["zoom"] + 0.5)
    spoken = here.root.locator(".said")
    expect(spoken).to_contain_text("Fine")
    expect(spoken).to_contain_text("µg/m³")
    here.page.keyboard.press("PageDown")
    here.until("root.dataset.day === '2015-01-02'")
    here.page.keyboard.press("Enter")
    here.page.get_by_text("click Click(").wait_for()
    here.page.keyboard.press("Home")
    assert here.js("map.fitted")


def test_every_control_is_reached_by_tab_and_has_a_name(on_page):
    here = on_page()
    here.root.locator('[data-mode="three"]').focus()
    seen = []
    for _ in range(18):
        seen.append(
            here.page.evaluate(
                """() => {
                  let a = document.activeElement;
                  while (a.shadowRoot) a = a.shadowRoot.activeElement;
                  return a.getAttribute('aria-label') || a.textContent.trim();
                }"""
            )
        )
        here.page.keyboard.press("Tab")
    for name in (
        "Swipe",
        "Zoom in",
        "Display",
        "Save",
        "Layer of map 2",
        "Map",
        "Play",
        "Next day",
        "Day",
    ):
        assert name in seen, seen
    assert all(seen), seen


def test_targets_are_large_enough(on_page):
    here = on_page()
    for box in here.root.locator(
        "button:visible, summary:visible, select:visible, .handle:visible"
    ).all():
        size = box.bounding_box()
        assert min(size["width"], size["height"]) >= 24


# ---- address ------------------------------------------------------------------------------------


def test_a_link_shows_a_colleague_the_same(on_page, context, maps_server):
    here = on_page("lang=en")
    here.mode("two")
    here.root.locator(".head select").nth(1).select_option("error")
    here.root.locator(".days").press("ArrowRight")
    here.until("root.dataset.day === '2015-01-02'")
    here.zoomed(119.5, 32.0)
    here.until("location.search.includes('at=') && location.search.includes('on=2015-01-02')")
    query = parse_qs(urlsplit(here.page.url).query)
    assert query["lang"] == ["en"]  # what others keep there stays
    assert query["view"] == ["two"] and query["on"] == ["2015-01-02"]
    assert query["show"] == ["coarse error"]
    colleague = context.new_page()
    there = MapOnPage(colleague, here.page.url)
    assert there.js("[map.mode, map.shown().join(), map.data.days[map.day].key]") == [
        "two",
        "coarse,error",
        "2015-01-02",
    ]
    mine, theirs = here.camera(), there.camera()
    assert theirs["longitude"] == pytest.approx(mine["longitude"], abs=1e-4)
    assert theirs["latitude"] == pytest.approx(mine["latitude"], abs=1e-4)
    assert theirs["zoom"] == pytest.approx(mine["zoom"], abs=0.01)


def test_nonsense_in_a_link_is_left_out(on_page):
    here = on_page("at=x,y,z&view=sideways&on=1066-10-14&show=gone")
    assert here.js("[map.mode, map.fitted, map.day]") == ["three", True, 0]


def test_camera_and_mode_survive_a_rerun(on_page):
    here = on_page()
    here.mode("swipe")
    before = here.zoomed(119.5, 32.0)
    here.page.mouse.click(*here.pixel(118.0, 31.0))
    here.page.get_by_text("runs 2").wait_for()
    here.settled()
    assert here.camera() == before
    assert here.js("map.mode") == "swipe"
    here.until("location.search.includes('view=swipe') && location.search.includes('at=')")


def test_python_can_send_it_somewhere(on_page):
    here = on_page()
    here.page.get_by_role("button", name="Fly to Nanjing").click()
    here.until("Math.abs(map.camera.longitude - 118.78) < 1e-6 && map.camera.zoom === 9")
    assert "Nanjing" in here.reading()


# ---- drawing ------------------------------------------------------------------------------------


@pytest.mark.parametrize("lat", [28.9, 31.3, 33.6], ids=["south", "middle", "north"])
def test_rasters_lie_where_they_belong_to_within_a_cell(on_page, lat):
    # The raster marks the cells that every half degree runs through. A graticule projected to
    # the screen must meet marked pixels: drawn as if its rows were even in Mercator, the raster
    # would be off by up to six cells in the middle.
    here = on_page(f"graticule&view=single&at=119.1,{lat},7.8")
    cell = here.js("map.cellPixels()")
    assert 2 < cell < 4
    picture = here.picture()
    marked = picture[..., 2] < 120  # 100 of 150 is a strong orange, 0 nearly white
    box = here.stage.bounding_box()
    seen = 0
    for degree in np.arange(28.5, 34.2, 0.5):
        _, y = here.pixel(119.25, degree)
        row = y - box["y"]
        if not 40 < row < picture.shape[0] - 40:
            continue
        # At 119.25 E no meridian is marked: what is dark there is a parallel.
        column = round(here.pixel(119.25, degree)[0] - box["x"])
        near = np.flatnonzero(marked[int(row) - 20 : int(row) + 20, column]) + int(row) - 20
        assert len(near), f"no line near {degree} N"
        assert abs(near.mean() + 0.5 - row) <= cell, f"{degree} N"
        seen += 1
    for degree in np.arange(116.5, 122.3, 0.5):
        x, y = here.pixel(degree, lat + 0.11)
        column, row = x - box["x"], round(y - box["y"])
        if not 40 < column < picture.shape[1] - 40:
            continue
        near = np.flatnonzero(marked[row, int(column) - 20 : int(column) + 20]) + int(column) - 20
        assert abs(near.mean() + 0.5 - column) <= cell, f"{degree} E"
        seen += 1
    assert seen >= 6


def test_pixels_are_native_until_smoothing_is_asked_for(on_page):
    here = on_page("view=single&show=coarse&at=118.5,31.5,9")
    here.option("cities", False)
    colours = []
    for smooth in (False, True):
        here.option("smooth", smooth)
        band = here.picture()[300, 300:700]
        colours.append(len({tuple(c) for c in band}))
    assert colours[0] < 25 < 40 < colours[1]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_data_has_no_rim(on_page, page, scheme):
    # Around the hole every pixel is the raster's colour, the ground, the hatching, or a blend of
    # ground and raster: never darker than both on light ground, never lighter on dark.
    page.emulate_media(color_scheme=scheme)
    here = on_page("view=single&show=fine&at=120.96,32.91,9")
    here.option("smooth", True)
    here.root.locator(".options summary").click()
    page.mouse.move(5, 5)
    x, y = here.pixel(known.FINE.longitude[620] + 0.36, known.FINE.latitude[160])
    box = here.stage.bounding_box()
    row, column = round(y - box["y"]), round(x - box["x"])
    strip = here.picture()[row - 40 : row + 40, column - 60 : column + 60]
    saturation = strip.max(axis=2) - strip.min(axis=2)
    raster, grey = strip[saturation > 40], strip[saturation < 25]
    assert len(raster) > 200 and len(grey) > 200
    if scheme == "light":
        assert grey.min() > 150
    else:
        assert grey.max() < 150


def test_stations_have_the_shape_of_their_role(on_page):
    here = on_page("view=single&show=error&at=118.0,31.95,8")
    picture, box = here.picture(), here.stage.bounding_box()

    def corner_is_dark(lon, lat):
        x, y = here.pixel(lon, lat)
        column, row = round(x - box["x"]), round(y - box["y"])
        # 6 pixels out on the diagonal: inside a square's edge, outside a disc of radius 8.5.
        return [int(picture[row + dy, column + dx].sum()) for dx in (-7, 6) for dy in (-7, 6)]

    assert min(corner_is_dark(117.28, 31.86)) < 250  # Hefei, withheld: a square
    assert min(corner_is_dark(118.78, 32.05)) > 250  # Nanjing, used: a disc


def test_a_reanalysed_station_is_a_diamond_and_is_said_to_be_one(on_page):
    def touched(query):
        here = on_page(f"{query}view=single&show=error&at=120.0,31.6,8")
        here.option("cities", False)
        shown, box = here.picture(), here.stage.bounding_box()
        signs = here.root.locator(".symbols").text_content()
        here.option("stations", False)
        changed = np.abs(shown - here.picture()).max(axis=2)
        here.point(120.30, 31.57)
        said = here.reading()
        x, y = here.pixel(120.30, 31.57)
        column, row = round(x - box["x"]), round(y - box["y"])
        tips = [changed[row, column - 9], changed[row, column + 9], changed[row - 9, column]]
        corners = [changed[row + dy, column + dx] for dx in (-7, 7) for dy in (-7, 7)]
        return min(tips), max(corners), signs, said

    tips, corners, signs, said = touched("fourth=reanalysed&")
    assert tips > 40 > corners
    assert "Station, reanalysed" in signs
    assert "Station, withheld" in signs  # Hefei is, in every form of this map
    assert "(Station, reanalysed)" in said
    tips, corners, signs, said = touched("")
    assert tips < 40 > corners  # a disc ends before
    assert "reanalysed" not in signs + said


def test_a_map_fades_with_distance_and_the_legend_says_so(on_page):
    from app.maps.layers import PALEST
    from app.style import palette

    here = on_page("fading&view=single&show=even&at=119.2,31.3,6.7")
    for name in ("stations", "cities", "outlines"):
        here.option(name, False)
    here.page.mouse.move(5, 5)
    picture, box = here.picture(), here.stage.bounding_box()

    def colour(km):
        x, y = here.pixel(known.FINE.longitude[round(km / 0.75)], 32.5)
        column, row = round(x - box["x"]), round(y - box["y"])
        # The lines of the hatching shine through: most of the pixels lie between them.
        return np.median(picture[row - 20 : row + 20, column - 2 : column + 3], axis=(0, 1))

    scale = palette.concentration("day")
    level = int(palette.index(np.array([100.0]), scale)[0]) - 1
    full = palette.colours(scale)[level].astype(float)
    assert np.abs(colour(30) - full).max() <= 3
    static_fields = (colour(400) - PALEST * full) / (1 - PALEST)
    middle = (1 + PALEST) / 2
    assert np.abs(colour(100) - (middle * full + (1 - middle) * static_fields)).max() <= 6
    assert np.abs(colour(400) - full).max() > 60
    assert "fades between 50 and 150 km from a station" in here.root.text_content()


def test_a_station_without_a_value_is_hollow(on_page):
    here = on_page("view=single&show=error&at=117.4,32.4,7.3")
    picture, box = here.picture(), here.stage.bounding_box()

    def middle(lon, lat):
        x, y = here.pixel(lon, lat)
        column, row = round(x - box["x"]), round(y - box["y"])
        return picture[row - 1 : row + 2, column - 1 : column + 2].reshape(-1, 3)

    # The error map is blue to red over white; concentration is yellow to brown, its blue low.
    filled, hollow = middle(117.28, 31.86), middle(117.37, 32.93)
    assert (filled[:, 0] - filled[:, 2] > 100).all()
    assert (hollow[:, 0] - hollow[:, 2] < 60).all()


def test_mobile_samples_have_shape_and_colour_of_stations(on_page):
    from app.style import palette

    here = on_page("tracks&view=single&show=fine&at=118.4,30.8,9")
    here.option("cities", False)
    here.option("stations", False)
    here.option("tracks", False)
    bare, box = here.picture(), here.stage.bounding_box()
    here.option("tracks", True)
    shown = here.picture()
    changed = np.abs(shown - bare).max(axis=2)

    def around(picture, sample):
        x, y = here.pixel(118.0 + 0.03 * sample, 30.5 + 0.02 * sample)
        column, row = round(x - box["x"]), round(y - box["y"])
        return picture[row - 5 : row + 6, column - 5 : column + 6]

    used, withheld, hollow = known.SAMPLES
    scale = palette.concentration("day")
    for sample in (used, withheld):
        level = int(palette.index(np.array([60 + 1.5 * sample]), scale)[0]) - 1
        wanted = palette.colours(scale)[level].astype(int)
        assert np.abs(around(shown, sample)[5, 5] - wanted).max() <= 3
    assert around(changed, hollow)[5, 5] <= 3 < 100 < around(changed, hollow).max()
    # Near its corners a square is dark, where a disc has ended.
    corners = np.ix_([0, 1, 9, 10], [0, 1, 9, 10])
    touched = [int((around(changed, i)[corners] > 60).sum()) for i in (used, withheld)]
    assert touched[0] <= 5 < 8 <= touched[1], touched


def test_colours_are_those_of_the_server(on_page):
    # One cell, many pixels wide, painted by the browser; the same by app.style.palette.
    from app.style import palette

    here = on_page("view=single&show=coarse&at=119.0,30.5,11")
    row = int((known.FINE.bounds.north - 30.5) / 0.064)
    column = int((119.0 - known.FINE.bounds.west) / 0.064)
    lon, lat = known.COARSE.longitude[column], known.COARSE.latitude[row]
    x, y = here.pixel(lon, lat)
    box = here.stage.bounding_box()
    got = here.picture()[round(y - box["y"]), round(x - box["x"])]
    value = frames.unpack(frames.pack(known.coarse_values(0)))[row, column]
    scale = palette.concentration("day")
    wanted = palette.colours(scale)[int(palette.index(np.array([value]), scale)[0]) - 1]
    assert np.abs(got - wanted.astype(int)).max() <= 3


def test_step_legend_changes_map_and_legend(on_page):
    here = on_page()
    here.root.locator(".options summary").click()
    here.root.locator('input[name="steps"]').check()
    assert "115" in here.root.locator(".legends").inner_text()
    assert here.js("map.colours('fine').steps")
    here.root.locator('input[name="stretch"]').check()
    assert "stretched to this day" in here.root.locator(".legends").inner_text()
    assert not here.js("map.options.steps")


def test_the_badge_is_on_every_pane(on_page):
    here = on_page()
    assert here.root.locator(".badge").all_inner_texts() == ["DEMO · SYNTHETIC DATA"] * 3
    here.mode("swipe")
    assert here.root.locator(".badge").count() == 2


def test_a_stale_map_says_so(on_page):
    here = on_page("stale=An+older+result")
    assert here.root.locator(".note").inner_text() == "An older result"
    assert "dimmed" in here.root.get_attribute("class")


def test_every_word_is_in_the_language(on_page):
    here = on_page("lang=zh&tracks")
    words = here.js(
        """[...root.querySelectorAll('*')].flatMap(e => [
          e.getAttribute('aria-label'), e.title,
          ...[...e.childNodes].filter(n => n.nodeType === 3).map(n => n.textContent),
        ]).map(t => t?.trim()).filter(Boolean)"""
    )
    english = set(LABELS.values()) - set(here.js("Object.values(map.data.labels)"))
    assert len(english) > 40
    assert not [w for w in words if w in english]
    assert sum(bool(re.search(r"[\u4e00-\u9fff]", w)) for w in words) > 40


def test_names_of_cities_are_in_the_language(on_page):
    here = on_page("lang=zh")
    if not here.js("map.data.cities"):
        pytest.skip("assets/geo/cities.csv is not here")
    here.until("map.drawing.cities")
    assert here.js("map.drawing.cities.some(c => /[\\u4e00-\\u9fff]/.test(c[3]))")


# ---- pictures and pages to keep -----------------------------------------------------------------


def saved(here, what):
    here.root.locator(".save summary").click()
    with here.page.expect_download() as download:
        here.root.locator(f'[data-do="{what}"]').click()
    return download.value


def test_a_saved_picture_has_map_legend_and_badge(on_page, tmp_path):
    here = on_page()
    download = saved(here, "save_png")
    assert download.suggested_filename == "airlens-coarse-fine-error-2015-01-01.png"
    download.save_as(tmp_path / "map.png")
    picture = np.asarray(Image.open(tmp_path / "map.png").convert("RGB")).astype(int)
    stage = here.stage.bounding_box()
    assert picture.shape[1] == pytest.approx(2 * (stage["width"] + 30), abs=8)
    badge = (np.abs(picture - [255, 201, 5]).max(axis=2) < 3).mean(axis=0)
    third = picture.shape[1] // 3
    assert all(badge[i * third : (i + 1) * third].max() > 0.005 for i in range(3))
    # The map itself: orange in the left third, blue in the right one.
    left, right = picture[:, :third], picture[:, -third:]
    assert ((left[..., 0] - left[..., 2]) > 120).mean() > 0.2
    assert ((right[..., 2] - right[..., 0]) > 60).mean() > 0.05
    # And below it the legend runs to YlOrBr's last colour.
    below = picture[-330:, :third]
    assert (np.abs(below - [102, 37, 6]).max(axis=2) < 12).sum() > 30


@pytest.mark.parametrize("mode", ["two", "swipe", "blink", "single"])
def test_every_saved_picture_has_its_legend(on_page, tmp_path, mode):
    here = on_page(f"view={mode}")
    saved(here, "save_png").save_as(tmp_path / "map.png")
    picture = np.asarray(Image.open(tmp_path / "map.png").convert("RGB")).astype(int)
    below = picture[-330:]
    first, last = (
        (np.abs(below - c).max(axis=2) < 12).sum() for c in ([255, 247, 188], [102, 37, 6])
    )
    assert first > 30 and last > 30  # the light and the dark end of the ramp


def test_a_saved_page_opens_offline_and_reads_values(on_page, browser, tmp_path):
    here = on_page("view=two")
    download = saved(here, "save_html")
    assert download.suggested_filename == "airlens-coarse-fine-2015-01-01.html"
    download.save_as(tmp_path / "map.html")
    alone = browser.new_context(offline=True, viewport={"width": 1366, "height": 768})
    said, requested = [], []
    alone.on("console", lambda m: m.type in ("error", "warning") and said.append(m.text))
    alone.on("weberror", lambda e: said.append(str(e.error)))
    alone.on("request", lambda r: requested.append(r.url))
    page = alone.new_page()
    page.goto((tmp_path / "map.html").as_uri())
    page.wait_for_selector(".legend svg")
    assert "µg/m³" in page.locator(".legend svg").first.text_content()
    page.mouse.move(500, 350)
    expect(page.locator(".reading")).to_contain_text("Fine")
    assert page.locator("section .map").count() == 2
    lon, lat = page.evaluate(
        """() => {
          const [one, other] = window.maps;
          other.setView([31.2, 118.4], 9, { animate: false });
          return [one.getCenter().lng, one.getCenter().lat];
        }"""
    )
    assert (lon, lat) == pytest.approx((118.4, 31.2), abs=0.01)
    assert page.get_by_text("DEMO · SYNTHETIC DATA").count() == 2
    alone.close()
    assert not said
    assert all(u.startswith(("file:", "data:", "blob:")) for u in requested)


# ---- when something is missing ------------------------------------------------------------------

NO_WEBGL = """
const given = HTMLCanvasElement.prototype.getContext;
HTMLCanvasElement.prototype.getContext = function (kind, ...rest) {
  return kind.startsWith('webgl') ? null : given.call(this, kind, ...rest);
};"""


def test_without_webgl_there_is_a_simpler_map_with_the_same_values(on_page, page):
    page.add_init_script(NO_WEBGL)
    here = on_page("view=two")
    assert "draws no WebGL" in here.root.locator(".plain").inner_text()
    frame = page.frame_locator("iframe.standin")
    frame.locator(".leaflet-image-layer").first.wait_for()
    assert frame.locator("section .map").count() == 2
    box = here.stage.bounding_box()
    page.mouse.move(box["x"] + 200, box["y"] + 200)
    here.until("root.dataset.at")
    lon, lat = (float(v) for v in here.root.get_attribute("data-at").split(","))
    row = int((known.FINE.bounds.north - lat) / 0.008)
    column = int((lon - known.FINE.bounds.west) / 0.008)
    assert number(here.heads()[1]) == pytest.approx(
        float(known.fine_values(0)[row, column]), abs=0.1001
    )
    here.root.locator(".days").press("ArrowRight")
    here.until("root.dataset.day === '2015-01-02'")
    # The stand-in loads its page anew.
    frame.locator("html[data-connected='2015-01-02']").wait_for()
    box = here.stage.bounding_box()  # the page has scrolled to the slider
    page.mouse.click(box["x"] + 220, box["y"] + 200)
    page.get_by_text("click Click(").wait_for()


def test_where_the_drawing_library_does_not_start_the_simpler_map_stands_in(on_page, page):
    page.route(re.compile("/deck.js$"), lambda route: route.fulfill(body="'not deck.gl';"))
    here = on_page()
    assert here.root.get_attribute("data-standin") == "leaflet"
    assert "did not start" in here.root.get_attribute("data-refused")
    page.frame_locator("iframe.standin").locator(".leaflet-image-layer").first.wait_for()


def test_data_that_are_gone_are_a_sentence(browser, maps_server):
    context = browser.new_context()  # the 404 is on the console; that is no fault of the page
    page = context.new_page()
    page.route(re.compile("/_maps/data/"), lambda route: route.fulfill(status=404))
    page.goto(maps_server.url)
    note = page.locator(".airmap .note")
    expect(note).to_have_text(re.compile("no longer kept"), timeout=20_000)
    context.close()


# ---- leaks --------------------------------------------------------------------------------------


def test_remounting_gives_webgl_contexts_back(on_page, page):
    page.add_init_script(
        """globalThis.contexts = [];
        const given = HTMLCanvasElement.prototype.getContext;
        HTMLCanvasElement.prototype.getContext = function (kind, ...rest) {
          const context = given.call(this, kind, ...rest);
          if (kind.startsWith('webgl') && !contexts.includes(context)) contexts.push(context);
          return context;
        };"""
    )
    here = on_page()
    toggle = page.get_by_text("Show the map")
    for _ in range(6):
        toggle.click()
        page.locator(".airmap").wait_for(state="detached")
        toggle.click()
        here.ready()
    assert page.evaluate("contexts.length") >= 7
    here.until("contexts.filter(c => !c.isContextLost()).length <= 2")


def test_camera_survives_a_remount(on_page, page):
    here = on_page()
    before = here.zoomed(119.5, 32.0)
    toggle = page.get_by_text("Show the map")
    toggle.click()
    page.locator(".airmap").wait_for(state="detached")
    toggle.click()
    here.ready()
    after = here.camera()
    assert after == pytest.approx(before, abs=0.01)
