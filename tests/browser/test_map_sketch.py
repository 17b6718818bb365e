"""Before deck.gl is there the map is drawn with a pen: the same map, and it answers."""

import io
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import expect

sys.path.append(str(Path(__file__).parent / "pages"))
import maps_values as known

WAIT_MS = 60_000


@pytest.fixture
def held(page, maps_server):
    """A page that gets everything but deck.gl, and what lets that through."""
    waiting = []
    page.route("**/deck.js", lambda route: waiting.append(route))

    def go(query):
        page.goto(f"{maps_server.url}/?{query}")
        root = page.locator(".airmap[data-first]")
        root.wait_for(timeout=WAIT_MS)
        return root, lambda: [route.continue_() for route in waiting]

    return go


def pixels(stage):
    return np.asarray(Image.open(io.BytesIO(stage.screenshot())).convert("RGB")).astype(int)


@pytest.mark.parametrize("view", ["three", "swipe"])
def test_the_pen_draws_what_deck_gl_draws(held, view):
    root, let_through = held(f"view={view}&at=118.9,31.6,7.6")
    assert root.get_attribute("data-drawn") is None
    root.evaluate(
        "r => ['cities', 'outlines', 'stations'].forEach(n => r.airmap.setOption(n, false))"
    )
    root.page.wait_for_timeout(300)
    stage = root.locator(".stage")
    pen = pixels(stage)
    assert len(np.unique(pen[60:-60, 60:-60].reshape(-1, 3), axis=0)) > 50, "there is no map"
    let_through()
    root.page.locator(".airmap[data-drawn]").wait_for(timeout=WAIT_MS)
    root.page.wait_for_timeout(500)
    deck = pixels(stage)
    apart = np.abs(pen - deck).max(axis=2) > 24
    # Cells are three pixels wide: at their edges the two may round a pixel differently.
    assert apart.mean() < 0.06
    shifted = np.abs(pen[:, 3:] - deck[:, :-3]).max(axis=2) > 24
    assert shifted.mean() > 2 * apart.mean(), "a cell's shift must show, or nothing was compared"


def test_values_are_read_and_days_change_before_deck_gl_is_there(held):
    root, _ = held("view=single&show=fine&at=118.6,31.7,8")
    page = root.page
    lon, lat = known.FINE.longitude[421], known.FINE.latitude[333]
    x, y = root.evaluate(
        "(r, at) => r.airmap.drawing.viewports()[0].project(at)", [float(lon), float(lat)]
    )
    box = root.locator(".stage").bounding_box()
    page.mouse.move(box["x"] + 1 + x, box["y"] + 1 + y)
    expect(root.locator(".reading")).to_contain_text(f"{lat:.3f}° N {lon:.3f}° E")
    value = float(known.fine_values(0)[333, 421])
    said = root.locator(".head .value").inner_text()
    assert abs(float(said.split()[0]) - value) < 0.11
    root.locator(".days").press("ArrowRight")
    expect(root).to_have_attribute("data-day", "2015-01-02")


def test_its_planes_are_those_of_deck_gl(held):
    root, let_through = held("view=swipe&at=119.2,32.4,7.3")
    let_through()
    root.page.locator(".airmap[data-drawn]").wait_for(timeout=WAIT_MS)
    places = [[117.0, 29.0], [118.78, 32.05], [121.5, 34.9]]
    ours, theirs = root.evaluate(
        """(r, places) => {
          const d = r.airmap.drawing;
          const on = (views) => views.flatMap((v) => places.map((p) => {
            const [x, y] = v.project(p);
            return [v.x + x, y, ...v.unproject([x, y])];
          }));
          return [on(d.viewports()), on(d.deck.getViewports())];
        }""",
        places,
    )
    np.testing.assert_allclose(np.array(ours)[:, 2:], np.array(theirs)[:, 2:], atol=1e-5)
    np.testing.assert_allclose(np.array(ours)[:, :2], np.array(theirs)[:, :2], atol=0.3)
