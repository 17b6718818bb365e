"""Pictures of every page, in both languages and both themes: `make screens`.

Starts the server on a free port with the demo world and, for the pictures "finer", the real data
that ship, opens each page in Chromium and writes `docs/screens/PAGE-LANGUAGE-THEME.png`. With
arguments, only those whose name begins so: `python tests/browser/screens.py map-zh`.
"""

import argparse
import io
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from PIL import Image
from playwright.sync_api import Page, expect, sync_playwright

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "docs" / "screens"
# Software WebGL, and nothing that speaks to the world by itself.
FLAGS = [
    "--no-sandbox",
    "--use-gl=angle",
    "--use-angle=swiftshader",
    "--enable-unsafe-swiftshader",
    "--ignore-gpu-blocklist",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]
# The picture of the README is the one of 1440.
SIZES = {"": (1366, 768), "1440": (1440, 900), "wide": (1920, 1080), "tablet": (1024, 768)}
PATIENCE_MS = 120_000  # a model may run for a while
# A forecast with members says more than one without.
MORE = {
    "forecast": "&dataset=demo-mobile",
    "finer": "&dataset=coarse&date=2015-06-01&region=112.8,37.2,119.2,42&at=116.4,39.9,6.1",
}
# What the tutorial imports: a coarse map, a fine dataset of earlier years, monitors.
REAL = {
    "coarse": ("grid", "wustl_coarse_2014-2015.nc"),
    "climatology": ("grid", "wustl_months_2009-2013.nc"),
    "monitors": ("stations", "beijing_hours_2014-2015.parquet"),
}
SETTLED_MS = 1500  # after the last element has come: rasters are painted, fonts are there


@dataclass(frozen=True)
class Shot:
    """One picture."""

    page: str
    language: str
    theme: str
    size: str = ""

    @property
    def name(self) -> str:
        """Of the file."""
        return "-".join(part for part in (self.page, self.language, self.theme, self.size) if part)


def shots() -> list[Shot]:
    """Every page in English and light, in Chinese and dark; the map in all, and in all sizes."""
    files = (ROOT / "app" / "views").glob("[a-z]*.py")
    views = sorted(p.stem for p in files if "\ndef render(" in p.read_text(encoding="utf-8"))
    pages = [Shot(page, *look) for page in views for look in (("en", "light"), ("zh", "dark"))]
    more = [Shot("map", "en", "light", size) for size in SIZES if size]
    finer = [Shot("finer", "en", "light", "1440"), Shot("finer", "zh", "dark", "1440")]
    return [*pages, Shot("map", "en", "dark"), Shot("map", "zh", "light"), *more, *finer]


@contextmanager
def server() -> Iterator[str]:
    """Address of a server with the demo world and the real data that ship."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    address = f"http://localhost:{port}"
    with tempfile.TemporaryDirectory() as home:
        _import_real(home)
        process = subprocess.Popen(
            [
                *(sys.executable, "-m", "streamlit", "run", str(ROOT / "app" / "serve.py")),
                *("--server.port", str(port), "--server.headless", "true"),
            ],
            cwd=ROOT,
            env=os.environ | {"AIRLENS_HOME": home},
            stdout=subprocess.DEVNULL,
        )
        try:
            _wait(address)
            yield address
        finally:
            process.terminate()
            process.wait(10)


def _import_real(home: str) -> None:
    for name, (kind, file) in REAL.items():
        path = str(ROOT / "assets" / "real" / file)
        command = [sys.executable, "-m", "engine", "import", kind, path, "--name", name]
        subprocess.run(
            command,
            cwd=ROOT,
            env=os.environ | {"AIRLENS_HOME": home},
            check=True,
            stdout=subprocess.DEVNULL,
        )


def _wait(address: str, seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while True:
        try:
            urllib.request.urlopen(f"{address}/_stcore/health", timeout=1).close()
            return
        except OSError:
            if time.monotonic() > end:
                raise
            time.sleep(0.2)


def settle(page: Page) -> None:
    """Waits until the script has run and nothing is left to come."""
    page.locator("h1").first.wait_for(timeout=PATIENCE_MS)
    busy = "[data-testid=stStatusWidget], [data-testid=stSkeleton], [class*=st-key-cancel-]"
    page.wait_for_function(f"() => !document.querySelector('{busy}')", timeout=PATIENCE_MS)
    if "/about" not in page.url:
        drawn = page.locator(".airmap").first
        expect(drawn).to_have_attribute("data-drawn", re.compile("."), timeout=PATIENCE_MS)
    page.wait_for_function(f"() => !document.querySelector('{busy}')", timeout=PATIENCE_MS)
    page.wait_for_timeout(SETTLED_MS)


def main() -> None:
    """Makes the pictures that were requested."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", help="only pictures whose name begins so")
    parser.add_argument("--at", help="address of a server that runs already")
    parser.add_argument("--folder", type=Path, default=FOLDER)
    requested = parser.parse_args()
    # The picture of the README first.
    wanted = [s for s in shots()[::-1] if s.name.startswith(tuple(requested.names or [""]))]
    requested.folder.mkdir(parents=True, exist_ok=True)
    if requested.at:
        take(requested.at, wanted, requested.folder)
    else:
        with server() as address:
            take(address, wanted, requested.folder)


def take(address: str, wanted: list[Shot], folder: Path) -> None:
    """Opens each page afresh and keeps what a first-time visitor sees."""
    chromium = next(p for p in map(shutil.which, ("chromium", "chromium-browser")) if p)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        for shot in wanted:
            width, height = SIZES[shot.size]
            scheme: Literal["dark", "light"] = "dark" if shot.theme == "dark" else "light"
            page = browser.new_page(
                viewport={"width": width, "height": height}, color_scheme=scheme
            )
            # The default page has the bare address.
            path = "" if shot.page in ("map", "finer") else shot.page
            page.goto(f"{address}/{path}?lang={shot.language}{MORE.get(shot.page, '')}")
            settle(page)
            small(page.screenshot(timeout=PATIENCE_MS), folder / f"{shot.name}.png")
            page.close()
        browser.close()


def small(picture: bytes, path: Path) -> None:
    """Writes a picture in 256 colours: nobody sees the difference, and history keeps them all."""
    with Image.open(io.BytesIO(picture)) as image:
        plain = image.convert("RGB").quantize(256, Image.Quantize.MEDIANCUT)
        plain.save(path, optimize=True)


if __name__ == "__main__":
    main()
