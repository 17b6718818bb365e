"""What stands before every request: who may ask, and what a page may load.

A site in another tab can point its own name at this machine (DNS rebinding) and read what the
server gives; so the name that a request asks for must be one of this machine's. A page may load
nothing from outside, whatever a file's text makes of it (`SECURITY.md`).
"""

import ipaddress
import os
import re
import socket
from collections.abc import Iterable

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

# `airlens serve` hands its options over in these; names and origins are separated by blanks.
ALLOW_HOST, ALLOW_FRAME = "AIRLENS_ALLOW_HOST", "AIRLENS_ALLOW_FRAME"
_HOST = re.compile(r"^(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(:\d{1,5})?$")
_ORIGIN = re.compile(r"^https?://[A-Za-z0-9.*-]+(:\d{1,5})?$")
_POLICY = (
    "default-src 'self'",
    # Streamlit's page and the map bundle stand in the page itself.
    "script-src 'self' 'unsafe-inline' blob:",
    "style-src 'self' 'unsafe-inline'",
    "img-src 'self' data: blob:",
    "font-src 'self' data:",
    "media-src 'self' data: blob:",
    "worker-src 'self' blob:",
    "frame-src 'self' data: blob:",
    "object-src 'none'",
    "base-uri 'self'",
    "form-action 'self'",
)


class Guard:
    """Middleware for HTTP and websocket alike.

    Args:
        app: What is guarded.
        hosts: Further names under which the server may be reached; None: the environment's.
        frames: Origins that may show a page in a frame; None: the environment's.
    """

    def __init__(
        self,
        app: ASGIApp,
        hosts: Iterable[str] | None = None,
        frames: Iterable[str] | None = None,
    ) -> None:
        given = os.environ.get(ALLOW_HOST, "").split() if hosts is None else hosts
        origins = os.environ.get(ALLOW_FRAME, "").split() if frames is None else frames
        self._app = app
        self._names = own_names() | {name.lower() for name in given}
        self._frames = tuple(origin for origin in origins if _ORIGIN.match(origin))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse a request for a name that is not ours; else pass it on and add the headers."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        host = self._host(scope)
        if host is None:
            await _refuse(scope, receive, send)
            return

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers["Content-Security-Policy"] = self.policy(host)
                headers["X-Content-Type-Options"] = "nosniff"
                headers["Referrer-Policy"] = "no-referrer"
                headers["Cross-Origin-Resource-Policy"] = "same-origin"
            await send(message)

        await self._app(scope, receive, guarded)

    def policy(self, host: str) -> str:
        """The Content-Security-Policy of a page that was requested under a name of ours."""
        # Some browsers do not count the websocket of the same origin as 'self'.
        connect = f"connect-src 'self' ws://{host} wss://{host} data: blob:"
        frames = " ".join(("frame-ancestors 'self'", *self._frames))
        return "; ".join((*_POLICY, connect, frames))

    def _host(self, scope: Scope) -> str | None:
        """The Host of a request, with its port, or None if it is not this machine."""
        given = Headers(scope=scope).getlist("host")
        if len(given) != 1 or not (parts := _HOST.match(given[0])):
            return None
        name = parts[1].strip("[]").lower().removesuffix(".")
        here = (scope.get("server") or ("",))[0]
        allowed = name in self._names or _loopback(name) or _same_address(name, str(here))
        return given[0] if allowed else None


def own_names() -> frozenset[str]:
    """Names of this machine that need no look-up."""
    name = socket.gethostname().lower()
    return frozenset({"localhost", name, f"{name.partition('.')[0]}.local"} - {""})


def _loopback(name: str) -> bool:
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return name.endswith(".localhost")


def _same_address(name: str, here: str) -> bool:
    """Whether a name is the address at which this very connection came in."""
    try:
        return ipaddress.ip_address(name) == ipaddress.ip_address(here)
    except ValueError:
        return False


async def _refuse(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "websocket":
        await receive()  # the handshake, which is answered with 403
        await send({"type": "websocket.close", "code": 1008})
        return
    said = "This server answers only to names of this machine. Start it with --allow-host NAME."
    await PlainTextResponse(said, 421)(scope, receive, send)
