"""The test page behind the map's routes, as `app/serve.py` has the real one."""

from pathlib import Path

import streamlit as st

from app.maps.routes import routes

app = st.App(Path(__file__).with_name("maps_page.py"), routes=routes())
