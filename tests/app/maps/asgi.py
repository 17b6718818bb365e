"""A GET request to the map's routes, without a server and without another package."""

import asyncio
from dataclasses import dataclass
from urllib.parse import quote, urlencode

from starlette.applications import Starlette

from app.maps.routes import routes


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes


def get(path: str, **query: str) -> Answer:
    return asyncio.run(_get(path, query))


async def _get(path, query):
    sent = []
    scope = {
        "type": "http",
        "method": "GET",
        "path": path,
        "raw_path": quote(path).encode(),
        "root_path": "",
        "query_string": urlencode(query).encode(),
        "headers": [],
        "http_version": "1.1",
    }

    async def receive():
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message):
        sent.append(message)

    await Starlette(routes=routes())(scope, receive, send)
    start = next(m for m in sent if m["type"] == "http.response.start")
    body = b"".join(m.get("body", b"") for m in sent if m["type"] == "http.response.body")
    headers = {k.decode(): v.decode() for k, v in start["headers"]}
    return Answer(start["status"], headers, body)
