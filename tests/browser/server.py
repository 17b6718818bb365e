"""A Streamlit server with the map's routes, and a browser, for tests and for `make bench-ui`.

Nothing here is a test. The server runs in a process of its own, as it does for people, on a free
port of this machine.
"""

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGES = ROOT / "tests" / "browser" / "pages"
CHROMIUM = next(
    (p for name in ("chromium", "chromium-browser", "google-chrome") if (p := shutil.which(name))),
    None,
)
# As on a computer without a graphics card: WebGL in software, the page itself put together without
# it. (`--use-angle=swiftshader --ignore-gpu-blocklist` would draw every button through an emulated
# card, which no browser of a reader does and which takes ten times as long.) And nothing speaks to
# the world by itself.
FLAGS = [
    "--no-sandbox",
    "--enable-unsafe-swiftshader",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]
PATIENCE_S = 60


@dataclass(frozen=True)
class Server:
    """A running server."""

    url: str
    pid: int
    started_s: float

    @property
    def memory_mb(self) -> float:
        """Resident memory."""
        pages = int(Path(f"/proc/{self.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / 2**20

    def has_loaded(self, library: str) -> bool:
        """Whether a shared library is in its memory."""
        return library in Path(f"/proc/{self.pid}/maps").read_text()


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def serving(script: Path, log: Path, home: Path) -> Iterator[Server]:
    """Run `streamlit run SCRIPT` until the block ends.

    Args:
        script: A page, or a file with an `st.App`.
        log: Where what it prints goes.
        home: Its data directory.
    """
    port = free_port()
    command = [sys.executable, "-m", "streamlit", "run", str(script), "--server.port", str(port)]
    command += ["--server.headless", "true"]
    environment = os.environ | {"AIRLENS_HOME": str(home), "PYTHONPATH": str(ROOT)}
    began = time.perf_counter()
    with log.open("w") as out:
        process = subprocess.Popen(
            command, cwd=ROOT, env=environment, stdout=out, stderr=subprocess.STDOUT
        )
        try:
            _wait(f"http://localhost:{port}/_stcore/health", process, log)
            elapsed = time.perf_counter() - began
            yield Server(f"http://localhost:{port}", process.pid, elapsed)
        finally:
            process.terminate()
            process.wait(20)


def _wait(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end:
        if process.poll() is not None:
            break
        try:
            with urllib.request.urlopen(url, timeout=2):
                return
        except OSError:
            time.sleep(0.1)
    raise RuntimeError(f"the server did not come up:\n{log.read_text()}")
