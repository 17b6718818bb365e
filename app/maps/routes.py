"""What the server serves for a map beside Streamlit's own: one process, one port.

`app.serve` gives these routes to `st.App`; without them a map has nothing to draw. All bytes are
compressed beforehand and may be kept for ever, since an address names its content.
"""

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from app.i18n import error_translation
from app.maps.assets import asset
from app.maps.store import base, store
from engine.core.errors import EngineError

FOR_EVER = "public, max-age=31536000, immutable"


def routes() -> list[Route]:
    """What `st.App` must serve beside Streamlit's own."""
    return [
        Route(f"{base()}/data/{{name}}", _data),
        Route(f"{base()}/asset/{{digest}}/{{name}}", _asset),
        Route(f"{base()}/leaflet/{{view}}", _leaflet),
        Route(f"{base()}/snapshot/{{view}}", _snapshot),
    ]


def _data(request: Request) -> Response:
    try:
        blob = store().get(request.path_params["name"])
    except EngineError as error:  # the model has no answer for this day: say why, on the map
        requested = request.headers.get("accept-language", "")
        return PlainTextResponse(error_translation.translated(error, requested[:2]), 409)
    if blob is None:
        return PlainTextResponse("This map is no longer kept. Reload the page.", 404)
    return _packed(blob.body, blob.mime)


def _asset(request: Request) -> Response:
    found = asset(request.path_params["name"])
    if found is None or found.digest != request.path_params["digest"]:
        return PlainTextResponse("No such file.", 404)
    return _packed(found.packed(), found.mime)


def _leaflet(request: Request) -> Response:
    from app.maps.leaflet import page  # pandas and pictures: most visits never need it

    return page(request)


def _snapshot(request: Request) -> Response:
    from app.maps.snapshot import download

    return download(request)


def _packed(body: bytes, mime: str) -> Response:
    headers = {
        "Content-Encoding": "gzip",
        "Cache-Control": FOR_EVER,
        "Vary": "Accept-Encoding",
        "X-Content-Type-Options": "nosniff",
    }
    return Response(body, media_type=mime, headers=headers)
