"""Server and browser for the tests that look at what is drawn."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Playwright, sync_playwright
from server import CHROMIUM, FLAGS, PAGES, Server, serving

# luma.gl says so of every shader in software WebGL; nothing is wrong.
HARMLESS = ("uniform block reflection failed", "GPU stall due to ReadPixels")


def pytest_collection_modifyitems(items):
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.browser)
            if CHROMIUM is None:
                item.add_marker(pytest.mark.skip(reason="no Chromium on this machine"))


@pytest.fixture(scope="session")
def playwright() -> Iterator[Playwright]:
    with sync_playwright() as driver:
        yield driver


@pytest.fixture(scope="session")
def browser(playwright: Playwright) -> Iterator[Browser]:
    browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
    yield browser
    browser.close()


@pytest.fixture(scope="session")
def maps_server(tmp_path_factory) -> Iterator[Server]:
    """The page `pages/maps_page.py`: the map and nothing else."""
    folder = tmp_path_factory.mktemp("maps-server")
    with serving(PAGES / "maps_app.py", folder / "log", folder / "home") as server:
        yield server


class Watch:
    """What a page said and requested that it should not have."""

    def __init__(self, context: BrowserContext) -> None:
        self.said: list[str] = []
        self.outside: list[str] = []
        context.on("console", self._console)
        context.on("weberror", lambda error: self.said.append(str(error.error)))
        context.on("request", self._request)

    def _console(self, message):
        if message.type in ("error", "warning") and not any(h in message.text for h in HARMLESS):
            self.said.append(f"{message.type}: {message.text}")

    def _request(self, request):
        if not request.url.startswith(("http://localhost:", "data:", "blob:")):
            self.outside.append(request.url)


@pytest.fixture(scope="session")
def visitor(browser: Browser) -> Iterator[tuple[BrowserContext, Watch]]:
    """One visitor for all tests of the map: what may be kept for ever is fetched once."""
    context = browser.new_context(viewport={"width": 1366, "height": 768}, accept_downloads=True)
    yield context, Watch(context)
    context.close()


@pytest.fixture
def context(visitor: tuple[BrowserContext, Watch]) -> Iterator[BrowserContext]:
    context, watch = visitor
    watch.said, watch.outside = [], []
    yield context
    for page in context.pages:
        page.close()
    assert not watch.outside, "a map must ask nobody outside"
    assert not watch.said, "the console must stay silent"


@pytest.fixture
def page(context: BrowserContext) -> Page:
    page = context.new_page()
    page.set_default_timeout(60_000)
    return page
