"""Who may ask the server, and what a page of it may load."""

import asyncio

import pytest

from app.guard import Guard, own_names


def answer(host, *, kind="http", server=("127.0.0.1", 8501), hosts=(), frames=()):
    """Messages that a request with these Host headers gets."""
    passed = []

    async def app(scope, receive, send):
        passed.append(scope["type"])
        if scope["type"] == "http":
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": b"page"})
        else:
            await send({"type": "websocket.accept"})

    sent = []

    async def send(message):
        sent.append(message)

    async def receive():
        return {"type": f"{kind}.connect" if kind == "websocket" else "http.request"}

    given = [host] if isinstance(host, str) else host
    scope = {
        "type": kind, "method": "GET", "path": "/", "server": server,
        "headers": [(b"host", h.encode("latin-1")) for h in given],
    }  # fmt: skip
    asyncio.run(Guard(app, hosts, frames)(scope, receive, send))
    return passed, sent


OURS = ["localhost", "localhost:8501", "127.0.0.1:1", "127.8.9.1", "[::1]:8501", "LOCALHOST."]
OURS += sorted(own_names())
THEIRS = [
    "evil.example", "localhost.evil.example", "127.0.0.1.evil.example", "8.8.8.8", "", "a b",
    "localhost:8501:1", "localhost/../x", "[::2]", "localhost:notaport",
]  # fmt: skip


@pytest.mark.parametrize("kind", ["http", "websocket"])
@pytest.mark.parametrize("host", OURS)
def test_names_of_this_machine_pass(host, kind):
    assert answer(host, kind=kind)[0] == [kind]


@pytest.mark.parametrize("kind", ["http", "websocket"])
@pytest.mark.parametrize("host", [*THEIRS, (), ("localhost", "evil.example")])
def test_other_names_do_not(host, kind):
    passed, sent = answer(host, kind=kind)
    assert not passed
    if kind == "http":
        assert sent[0]["status"] == 421
        assert b"--allow-host" in sent[1]["body"]
    else:
        assert sent == [{"type": "websocket.close", "code": 1008}]


def test_the_address_at_which_a_request_came_in_passes():
    assert answer("192.168.7.9:8501", server=("192.168.7.9", 8501))[0]
    assert not answer("192.168.7.8:8501", server=("192.168.7.9", 8501))[0]


def test_a_name_may_be_allowed():
    assert answer("air.example.org", hosts=["air.example.org"])[0]
    assert not answer("other.example.org", hosts=["air.example.org"])[0]


def test_a_page_loads_nothing_from_outside():
    _, sent = answer("localhost:8501", frames=["https://portal.example.org", "not an origin; x"])
    headers = {k.decode(): v.decode() for k, v in sent[0]["headers"]}
    policy = dict(part.split(" ", 1) for part in headers["content-security-policy"].split("; "))
    assert policy["frame-ancestors"] == "'self' https://portal.example.org"
    assert policy["connect-src"] == "'self' ws://localhost:8501 wss://localhost:8501 data: blob:"
    for name, sources in policy.items():
        if name not in ("frame-ancestors", "connect-src"):
            assert set(sources.split()) <= {"'self'", "'unsafe-inline'", "'none'", "data:", "blob:"}
    assert headers["x-content-type-options"] == "nosniff"
