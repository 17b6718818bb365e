"""`airlens serve`: the dashboard, as a process of its own. The engine itself knows no screen."""

import os
import re
import socket
import subprocess
import sys
import time
import urllib.request
import webbrowser
from collections.abc import Sequence
from typing import Annotated

import typer

from engine.cli.shared_options import say
from engine.core.errors import EngineError, RequestError
from engine.core.paths import APP, ROOT

FIRST_PORT = 8501
PORTS_TO_TRY = 50
SECONDS_TO_START = 60.0
SECONDS_TO_STOP = 8.0
LOCAL = "localhost"
# How the options reach the server, which reads them in app/guard.py.
ALLOW_HOST, ALLOW_FRAME = "AIRLENS_ALLOW_HOST", "AIRLENS_ALLOW_FRAME"


def serve_command(
    port: Annotated[
        int | None,
        typer.Option(help="Port; else the first free one from 8501.", min=1, max=65535),
    ] = None,
    address: Annotated[
        str, typer.Option(help="Who can see it: localhost only you, 0.0.0.0 your network.")
    ] = LOCAL,
    allow_host: Annotated[
        list[str] | None,
        typer.Option(
            "--allow-host", help="Further name it is reached under: a container, a reverse proxy."
        ),
    ] = None,
    allow_frame: Annotated[
        list[str] | None,
        typer.Option("--allow-frame", help="Origin whose pages may show it in a frame: https://…"),
    ] = None,
    browser: Annotated[
        bool, typer.Option("--browser/--no-browser", help="Open it, where there is a screen.")
    ] = True,
) -> None:
    """Start the dashboard and print its address. Ctrl-C stops it."""
    hosts, frames = allowed(allow_host or [], allow_frame or [])
    chosen = free_port(port, address)
    shown = LOCAL if address in (LOCAL, "127.0.0.1", "0.0.0.0", "::") else address
    url = f"http://{shown}:{chosen}"
    server = start(chosen, address, hosts, frames)
    try:
        wait_until_up(server, url)
        say(f"AirLens is at {url} (Ctrl-C stops it)")
        if address not in (LOCAL, "127.0.0.1", "::1"):
            say("Everyone who can reach this machine can see it: it asks for no password.")
        if browser and _has_screen():
            webbrowser.open(url)
        code = server.wait()
    finally:
        stop(server)
    if code:
        raise EngineError(
            "the dashboard ended with code {code}", remedy="See what it printed above", code=code
        )


def free_port(port: int | None, address: str) -> int:
    """The port requested, or the first free one.

    Raises:
        RequestError: If it is in use, or the address is not one of this machine.
    """
    for candidate in [port] if port else range(FIRST_PORT, FIRST_PORT + PORTS_TO_TRY):
        try:
            family, kind, _, _, place = socket.getaddrinfo(
                address, candidate, type=socket.SOCK_STREAM
            )[0]
            with socket.socket(family, kind) as probe:
                # As servers do: a port whose last connections are still fading away is free.
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                probe.bind(place)
        except socket.gaierror:
            raise RequestError(
                "{address!r} is no address of this machine",
                remedy="Give localhost or 0.0.0.0",
                address=address,
            ) from None
        except PermissionError:
            raise RequestError(
                "port {candidate} is not open to you",
                remedy="Choose a --port above 1023",
                candidate=candidate,
            ) from None
        except OSError:
            continue
        return candidate
    taken = f"port {port} is" if port else f"ports {FIRST_PORT} to {FIRST_PORT + PORTS_TO_TRY} are"
    raise RequestError(
        "{taken} in use at {address}", remedy="Choose another --port", taken=taken, address=address
    )


def allowed(hosts: Sequence[str], frames: Sequence[str]) -> tuple[list[str], list[str]]:
    """Names and origins that are what they should be.

    Raises:
        RequestError: If one is not.
    """
    for name in hosts:
        if not re.fullmatch(r"[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\]", name):
            raise RequestError(
                "{name!r} is no name of a host",
                where="--allow-host",
                remedy="Give the name alone, without http:// and port: air.example.org",
                name=name,
            )
    for origin in frames:
        if not re.fullmatch(r"https?://[A-Za-z0-9.*-]+(:\d{1,5})?", origin):
            raise RequestError(
                "{origin!r} is no origin",
                where="--allow-frame",
                remedy="Write it as https://portal.example.org",
                origin=origin,
            )
    return list(hosts), list(frames)


def start(
    port: int, address: str, hosts: Sequence[str] = (), frames: Sequence[str] = ()
) -> subprocess.Popen[bytes]:
    """The server's process. It runs in the checkout, so that its settings are found."""
    path = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
    command = [
        *(sys.executable, "-m", "streamlit", "run", str(APP / "serve.py")),
        *("--server.port", str(port), "--server.address", address),
        *("--server.headless", "true", "--logger.hideWelcomeMessage", "true"),
    ]
    # Streamlit itself looks at the origin of a websocket.
    for name in hosts:
        command += ["--server.corsAllowedOrigins", f"https://{name}"]
    environment = os.environ | {
        "PYTHONPATH": path,
        ALLOW_HOST: " ".join(hosts),
        ALLOW_FRAME: " ".join(frames),
    }
    # A session of its own: Ctrl-C in the terminal reaches us alone, and we pass it on once.
    return subprocess.Popen(command, cwd=ROOT, env=environment, start_new_session=True)


def wait_until_up(server: subprocess.Popen[bytes], url: str) -> None:
    """Return once the server answers.

    Raises:
        EngineError: If it ends or stays silent.
    """
    until = time.monotonic() + SECONDS_TO_START
    while time.monotonic() < until:
        if server.poll() is not None:
            raise EngineError(
                "the dashboard did not start (code {returncode})",
                remedy="See what it printed above; is the installation complete?",
                returncode=server.returncode,
            )
        try:
            with urllib.request.urlopen(f"{url}/_stcore/health", timeout=2):
                return
        except OSError:
            time.sleep(0.1)
    raise EngineError(
        "the dashboard did not answer within {seconds_to_start} s",
        remedy="Start it again",
        seconds_to_start=f"{SECONDS_TO_START:.0f}",
    )


def stop(server: subprocess.Popen[bytes]) -> None:
    """End the server, first politely."""
    if server.poll() is None:
        server.terminate()
        try:
            server.wait(SECONDS_TO_STOP)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()


def _has_screen() -> bool:
    if sys.platform in ("darwin", "win32"):
        return True
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
