"""About: models with their cards, data with their licences, standards, how to cite."""

import html
from collections.abc import Sequence
from importlib.metadata import version

import streamlit as st

from app import i18n
from app.frame import import_data, sidebar
from app.i18n import Words, error_translation
from app.jobs import cache
from app.request.selection import Selection
from app.style import standard_limits
from app.style.safe_text import markdown
from engine.core.paths import ASSETS, home
from engine.core.standards import STANDARDS, Standard
from engine.inference.catalogue import MODELS

CITATION = """\
@software{{airlens,
  title   = {{AirLens: daily PM2.5 maps on your own machine}},
  version = {{{version}}},
  note    = {{Say which model, weights (SHA-256) and dataset; each export carries them}}
}}"""
# Titles of works are not translated.
PAPERS = {
    "ha": "after Liang et al. (2019), KDD",
    "urbanfm": "Liang et al. (2019), KDD, doi:10.1145/3292500.3330646",
    "edvr": "Wang et al. (2019), CVPRW, arXiv:1905.02716",
    "basicvsr": "Chan et al. (2021), CVPR, arXiv:2012.02181",
    "iconvsr": "Chan et al. (2021), CVPR, arXiv:2012.02181",
    "basicvsrpp": "Chan et al. (2022), CVPR, arXiv:2104.13371",
    "mana": "Yu et al. (2022), CVPR, arXiv:2108.11048",
    "airstfm": "Li et al. (2025), Atmosphere 16, 166, doi:10.3390/atmos16020166",
    "kriging": "PyKrige (Murphy et al.), BSD-3-Clause",
    "idw": "Shepard (1968), doi:10.1145/800186.810616",
    "aqnet": "after Kheder et al. (2025), SCIA, arXiv:2502.11941",
    "stepdiff": "after Zhou et al. (2025), arXiv:2512.04385",
}
PARTS = (
    ("deck.gl", "MIT", "pydeck 0.9"),
    ("Leaflet", "BSD-2-Clause", "assets/vendor"),
    ("Streamlit", "Apache-2.0", "PyPI"),
    ("PyTorch", "BSD-3-Clause", "PyPI"),
    ("ColorBrewer 2.0", "Apache-2.0", "app/style/palette.py"),
    ("Natural Earth", "public domain", "assets/geo"),
    ("GeoNames", "CC BY 4.0", "assets/geo"),
)


def render(selection: Selection) -> None:
    """Draws the page."""
    words = i18n.current()
    st.title(words("about.title"), anchor=False)
    st.html(f'<p class="airlens-lead">{html.escape(words("about.lead"))}</p>')
    models, data, standards, sources = st.tabs(
        [words(f"about.tab_{name}") for name in ("models", "data", "standards", "sources")]
    )
    with models:
        _models(words)
    with data:
        _data(words)
    with standards:
        _standards(words)
    with sources:
        _sources(words)


def _models(words: Words) -> None:
    st.markdown(words("about.models_intro"))
    rows = []
    for name, entry in MODELS.items():
        key = f"models.{name.replace('-', '_')}_summary"
        rows.append(
            (
                sidebar.model_title(name, words),
                words(f"about.task_{entry.task.replace('-', '_')}"),
                words(key) if key in words else entry.summary,
                PAPERS.get(name, "–"),
            )
        )
    heads = ("model", "task", "does", "source")
    _table([words(f"about.head_{h}") for h in heads], rows, words("about.tab_models"))
    for title, text, shipped in _cards(words):
        with st.expander(words("about.card", model=markdown(title))):
            if shipped:
                st.markdown(text)
            else:  # names and licences of somebody's data: text, not Markdown
                st.code(text, language=None, wrap_lines=True)
    st.subheader(words("about.beware"), anchor=False)
    st.markdown(words("about.beware_text"))


def _cards(words: Words) -> list[tuple[str, str, bool]]:
    """Title and text of the card of each set of weights, and whether it ships; then the owner's."""
    folders = [path for root in (ASSETS, home()) for path in sorted((root / "weights").glob("*"))]
    found = []
    for folder in folders:
        shipped = folder.parent.parent == ASSETS
        card = folder / "card.md"
        model = next((name for name in MODELS if folder.name.startswith(f"{name}-")), None)
        if model is None or not card.is_file():
            continue
        trained = folder.name.removeprefix(f"{model}-")
        period = f"provenance.period_{trained}"  # shipped weights are for an averaging time
        known = words(period) if period in words else trained
        # The title is the expander's; headings within belong below it.
        title = f"{sidebar.model_title(model, words)}, {known}"
        text = card.read_text(encoding="utf-8", errors="replace")
        if shipped:
            text = text.removeprefix("# ").replace("\n# ", "\n### ")
            text = f"**{text}".replace("\n", "**\n", 1)
        found.append((title, text, shipped))
    return found


def _data(words: Words) -> None:
    rows = [
        (
            sidebar.dataset_title(info.name, words),
            words(f"provenance.kind_{info.kind}"),
            words(f"provenance.period_{info.period}"),
            f"{words.short_date(info.start, info.period)} – "
            f"{words.short_date(info.end, info.period)}",
            info.source,
            info.licence,
        )
        for info in cache.datasets()
    ]
    heads = ("dataset", "kind", "period", "span", "source", "licence")
    _table([words(f"about.head_{h}") for h in heads], rows, words("about.tab_data"))
    for error in cache.damaged():
        st.warning(markdown(error_translation.translated(error, words.language)))
    st.subheader(words("about.own"), anchor=False)
    import_data.commands(words)
    st.markdown(words("about.own_after"))


def _standards(words: Words) -> None:
    st.markdown(words("about.standards_intro"))
    heads = ("standard", "day", "year", "force", "index")
    rows = [
        (
            words(f"standards.{key.replace('-', '_')}"),
            _limit(standard, "day", words),
            _limit(standard, "year", words),
            _force(standard),
            standard.index.published_as if standard.index else "–",
        )
        for key, standard in STANDARDS.items()
    ]
    _table([words(f"about.head_{h}") for h in heads], rows, words("about.tab_standards"))
    st.markdown(words("about.standards_note"))


def _limit(standard: Standard, average: str, words: Words) -> str:
    """All values of an averaging time: classes of areas, or a guideline and its targets."""
    values = [
        f"{limit.value:g}"
        + (f" ({standard_limits.site_title(limit.site, words)})" if limit.site else "")
        for limit in standard.limits
        if (limit.pollutant, limit.average) == ("pm2p5", average)
    ]
    return "; ".join(values) or "–"


def _force(standard: Standard) -> str:
    begins = standard.begins.isoformat() if standard.begins else ""
    ends = standard.ends.isoformat() if standard.ends else ""
    return f"{begins} – {ends}".strip() if begins or ends else "–"


def _sources(words: Words) -> None:
    st.markdown(words("about.map_note"))
    heads = ("part", "licence", "where")
    _table([words(f"about.head_{h}") for h in heads], PARTS, words("about.tab_sources"))
    st.subheader(words("about.cite"), anchor=False)
    st.markdown(words("about.cite_text"))
    st.code(CITATION.format(version=version("airlens")), language="bibtex")


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]], label: str) -> None:
    """A table of text, the first column its row's name."""
    head = "".join(f'<th scope="col">{html.escape(text)}</th>' for text in heads)
    body = "".join(
        f'<tr><th scope="row">{html.escape(row[0])}</th>'
        + "".join(f"<td>{html.escape(cell)}</td>" for cell in row[1:])
        + "</tr>"
        for row in rows
    )
    st.html(
        f'<div class="airlens-table text" tabindex="0" role="region" '
        f'aria-label="{html.escape(label)}"><table><thead><tr>{head}</tr></thead>'
        f"<tbody>{body}</tbody></table></div>"
    )
