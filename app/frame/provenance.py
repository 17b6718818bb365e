"""Where a map comes from, one click away: model, weights, data, licence, device, versions."""

import html
from collections.abc import Mapping

import streamlit as st
import xarray as xr

from app.frame import import_preview
from app.i18n import Words
from engine.library import DatasetInfo, inspection_facts

# Attributes of a result that people ask for first, in this order; the others follow as they come.
FIRST = (
    "model",
    "model_version",
    "weights_sha256",
    "dataset",
    "dataset_checksum",
    "source",
    "licence",
    "coarse_origin",
    "synthetic",
    "in_training_period",
    "region",
    "seed",
    "device",
    "seconds",
    "created",
    "airlens_version",
)
FLAGS = frozenset({"synthetic", "in_training_period"})  # 1 or 0 in the files


def panel(result: xr.Dataset, info: DatasetInfo, words: Words) -> None:
    """A button that opens the record of a result and of the dataset behind it."""
    opened = st.popover(
        words("provenance.open"),
        icon=":material/account_tree:",
        key="provenance",
        on_change="rerun",
    )
    if not opened.open:
        return
    with opened:
        st.markdown(f"**{words('provenance.result')}**")
        st.html(_list(ordered(result.attrs), words))
        st.markdown(f"**{words('provenance.data')}**")
        st.html(_list(of_dataset(info, words), words))


def ordered(attributes: Mapping[str, object]) -> dict[str, str]:
    """Attributes as text, the requested first."""
    names = [name for name in FIRST if name in attributes]
    names += [str(name) for name in attributes if name not in FIRST]
    return {name: str(attributes[name]) for name in names}


def of_dataset(info: DatasetInfo, words: Words) -> dict[str, str]:
    """What is known of a dataset, as text."""
    known = {
        "name": info.name,
        "kind": words(f"provenance.kind_{info.kind}"),
        "period": words(f"provenance.period_{info.period}"),
        "span": f"{info.start} – {info.end}",
        "train_end": str(info.train_end) if info.train_end else "",
        "source": info.source,
        "licence": info.licence,
        "imported_at": f"{info.imported_at:%Y-%m-%d %H:%M} UTC",
        "notes": " ".join(info.notes),
        "dropped": " ".join(
            inspection_facts.left_out(info.dropped, import_preview.sentences(words))
        ),
        "files": ", ".join(f"{file.name} (SHA-256 {file.sha256[:12]}…)" for file in info.files[:5]),
    }
    return {name: value for name, value in known.items() if value}


def _list(rows: Mapping[str, str], words: Words) -> str:
    parts = []
    for name, value in rows.items():
        key = f"provenance.{name}"
        title = words(key) if key in words else name.replace("_", " ")
        if name in FLAGS:
            value = words("provenance.yes" if value == "1" else "provenance.no")
        parts.append(f"<dt>{html.escape(title)}</dt><dd>{html.escape(value)}</dd>")
    return f'<dl class="airlens-list">{"".join(parts)}</dl>'
