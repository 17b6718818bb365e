"""About: models with their cards, data with their licences, standards, how to cite."""

import streamlit as st

from app import i18n
from app.request import Selection


def render(selection: Selection) -> None:
    """Draws the page."""
    words = i18n.current()
    st.title(words("nav.about"))
