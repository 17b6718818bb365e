"""What theme options cannot say: a few rules of CSS, the page's language, the demo band."""

import html
import json

import streamlit as st

from app.i18n import Words
from engine.paths import APP

ICON = APP / "icon.svg"
LANGUAGE_TAGS = {"en": "en", "zh": "zh-CN"}

# Rules name keys of ours (`st-key-…`) and test ids of Streamlit 1.67, which is pinned.
CSS = """
/* The map comes high on the page: 1366 × 768 shows all of it. */
[data-testid="stMainBlockContainer"] { padding: 3.9rem 1.75rem 3rem; max-width: 1760px; }
[data-testid="stSidebarHeader"] { height: 2.75rem; margin-bottom: 0; }
[data-testid="stSidebarUserContent"] [data-testid="stVerticalBlock"] { gap: 0.75rem; }
h1 { letter-spacing: -0.01em; padding: 0 0 0.15rem; }
/* These draw nothing and must take no room. */
[data-testid="stElementContainer"]:has(> [data-testid="stHtml"] > style),
[data-testid="stElementContainer"]:has(> [data-testid="stHtml"] > script) { display: none; }
/* Numbers stand in columns. */
[data-testid="stMetricValue"], [data-testid="stTable"] td { font-variant-numeric: tabular-nums; }

/* The date and its two steps, in one row. */
.st-key-date-row { flex-wrap: nowrap; }
.st-key-date-row [data-testid="stSelectbox"] { min-width: 0; flex: 1 1 auto; }
.st-key-date-row button { padding: 0; min-width: 2rem; }
.st-key-date-row button p { position: absolute; width: 1px; height: 1px; overflow: hidden;
  clip-path: inset(50%); white-space: nowrap; }
.st-key-date-row button kbd { display: none; }

/* The demo band stays in sight however far one scrolls. */
.airlens-demo { position: fixed; z-index: 999; top: 3.6rem; right: 0; left: 0;
  display: flex; justify-content: center; pointer-events: none; }
.airlens-demo > span { background: #ffd23f; color: #1a1a1a; font-weight: 650; font-size: 0.85rem;
  padding: 0.15rem 0.9rem; border-radius: 0 0 6px 6px; box-shadow: 0 1px 4px #0004; }

/* A result of an earlier request, while the new one is made. */
.st-key-stale { opacity: 0.45; transition: opacity 0.2s; }
@media (prefers-reduced-motion: reduce) {
  * { animation: none !important; transition: none !important; }
}
"""


def apply(words: Words) -> None:
    """Puts the rules on the page and tells assistive technology which language it is in."""
    st.html(f"<style>{CSS}</style>")
    tag = json.dumps(LANGUAGE_TAGS[words.language])
    st.html(
        f"<script>document.documentElement.lang = {tag}</script>",
        unsafe_allow_javascript=True,
    )


def demo_band(words: Words) -> None:
    """Says, over everything and at every scroll position, that the data are made up."""
    said = html.escape(words("frame.demo"))
    st.html(f'<div class="airlens-demo" role="note"><span>{said}</span></div>')
