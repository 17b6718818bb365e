"""What chosen files hold, before they are imported: the facts of `airlens inspect` on the page."""

import html

import streamlit as st

from app.i18n import Words
from engine.core.plaintext import terminal
from engine.library.inspecting import Inspection
from engine.library.inspection_facts import Fact, Say, facts, table_lines


def show(found: Inspection, words: Words) -> None:
    """The facts as a small table, then the first rows or the first map in letters.

    All of it is text of strangers: escaped, or as code, which Markdown does not read.
    """
    st.markdown(f"**{words('preview.title')}**")
    st.html(table(facts(found, sentences(words)), words))
    sketch = found.contents.sketch if found.contents is not None else ()
    lines = table_lines(found.rows) or list(sketch)
    if lines:
        st.caption(words("preview.rows" if found.rows else "preview.sketch"))
        st.code("\n".join(terminal(line) for line in lines), language=None, wrap_lines=False)


def table(listed: list[Fact], words: Words) -> str:
    """Facts as a list of names and descriptions in HTML, every text escaped."""
    parts = []
    for fact in listed:
        lines = "<br>".join(html.escape(terminal(line)) for line in fact.lines)
        name = html.escape(words(f"preview.{fact.code}"))
        parts.append(f"<dt>{name}</dt><dd>{lines}</dd>")
    return f'<dl class="airlens-list">{"".join(parts)}</dl>'


def sentences(words: Words) -> Say:
    """Fills the sentences of facts in the language of the page."""

    def say(code: str, /, **values: object) -> str:
        return words(f"preview.{code}", **values)

    return say
