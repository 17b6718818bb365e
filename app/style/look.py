"""What theme options cannot say: a few rules of CSS, the page's language, the demo band."""

import html
import json

import streamlit as st

from app.i18n import Words
from engine.core.paths import APP

ICON = APP / "icon.svg"
LANGUAGE_TAGS = {"en": "en", "zh": "zh-CN"}

# For charts; pages take the theme's.
FONT = "Source Sans, PingFang SC, Microsoft YaHei, Noto Sans CJK SC, sans-serif"
STYLE = (APP / "style" / "look.css").read_text(encoding="utf-8")
# Our variable → the theme's option. The browser picks light or dark by the page's colour scheme.
COLOURS = {
    "--airlens-ground": "backgroundColor",
    "--airlens-panel": "secondaryBackgroundColor",
    "--airlens-line": "borderColor",
    "--airlens-accent": "primaryColor",
}
MUTED = 72  # per cent of the text colour in quiet text; 4.5:1 on panels in both themes


def apply(words: Words) -> None:
    """Puts the rules on the page and predicts assistive technology which language it is in."""
    st.html(f"<style>{_variables()}{_uploader(words)}{STYLE}</style>")
    tag = json.dumps(LANGUAGE_TAGS[words.language])
    st.html(
        f"<script>document.documentElement.lang = {tag}</script>",
        unsafe_allow_javascript=True,
    )


def _uploader(words: Words) -> str:
    """Streamlit's own words in its uploader, which it has in English only, replaced by ours."""
    zone = '[data-testid="stFileUploaderDropzone'
    said = {
        f'{zone}"] button p': words("adding.browse"),
        f'{zone}Instructions"] span': words(
            "adding.limit", mb=st.get_option("server.maxUploadSize")
        ),
    }
    return "".join(
        f"{where} {{ font-size: 0 }} {where}::after "
        f"{{ content: {json.dumps(text, ensure_ascii=False)}; font-size: 0.9rem }}\n"
        for where, text in said.items()
    )


def _variables() -> str:
    """The theme's colours as variables, for what we draw ourselves."""
    pairs = [
        f"{name}: light-dark({st.get_option(f'theme.light.{option}')}, "
        f"{st.get_option(f'theme.dark.{option}')})"
        for name, option in COLOURS.items()
    ]
    muted = f"--airlens-muted: color-mix(in srgb, currentColor {MUTED}%, transparent)"
    return f'[data-testid="stApp"] {{ {"; ".join([*pairs, muted])} }}\n'


def demo_band(words: Words) -> None:
    """Says, over everything and at every scroll position, that the data are made up."""
    said = html.escape(words("frame.demo"))
    st.html(f'<div class="airlens-demo" role="note"><span>{said}</span></div>')


def bring_into_view(key: str, occasion: int) -> None:
    """Scrolls as little as needed to show a container, once for each occasion."""
    st.html(
        f"""<script>
        // occasion {occasion}
        const calm = matchMedia('(prefers-reduced-motion: reduce)').matches;
        setTimeout(() => document.querySelector('.st-key-{key}')?.scrollIntoView(
          {{ block: 'nearest', behavior: calm ? 'instant' : 'smooth' }}), 250);
        </script>""",
        unsafe_allow_javascript=True,
    )
