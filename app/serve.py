"""What the server runs: the pages, and the routes that the maps fetch their rasters from.

`streamlit run app/serve.py` and `uvicorn app.serve:app` both work; `airlens serve` does the first.
"""

from importlib import import_module
from pathlib import Path

import streamlit as st
from starlette.middleware import Middleware

from app.guard import Guard
from app.maps.routes import routes

# Reading the first page's modules takes half a second: before the server is up, not in the first
# visitor's time.
import_module("app.views.map")

app = st.App(Path(__file__).with_name("main.py"), routes=routes(), middleware=[Middleware(Guard)])
