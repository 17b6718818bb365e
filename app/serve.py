"""What the server runs: the pages, and the routes that the maps fetch their rasters from.

`streamlit run app/serve.py` and `uvicorn app.serve:app` both work; `airlens serve` does the first.
"""

from pathlib import Path

import streamlit as st

from app.maps.routes import routes

app = st.App(Path(__file__).with_name("main.py"), routes=routes())
