"""A view as one HTML file that opens offline: maps, legend, values to point at, source, licence."""

import re

from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response

from app.maps.layers import View
from app.maps.leaflet import document
from app.maps.view_query import recall, requested


def snapshot(view: View, query: dict[str, str] | None = None) -> str:
    """The HTML of a view, complete in itself.

    Args:
        view: What there is.
        query: What of it is to be seen, as a map writes it into the URL: `at`, `view`, `on`,
            `show`, `steps`. Left out: as the view begins.
    """
    return document(view, requested(view, query or {}), alone=True)


def download(request: Request) -> Response:
    """The snapshot of a view as a file to be saved."""
    view = recall(request.path_params["view"])
    if view is None:
        return PlainTextResponse("This map is no longer kept. Reload the page.", 404)
    query = dict(request.query_params)
    ask = requested(view, query)
    name = re.sub(r"[^A-Za-z0-9-]+", "-", f"{'-'.join(ask.show)}-{view.days[ask.day].key}")
    headers = {"Content-Disposition": f'attachment; filename="airlens-{name}.html"'}
    return HTMLResponse(snapshot(view, query), headers=headers)
