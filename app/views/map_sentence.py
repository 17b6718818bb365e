"""A map in one sentence; its numbers are `engine.inference.summary`'s."""

import numpy as np

from app.i18n import Words
from engine.inference.summary import Summary


def facts(summary: Summary, words: Words, *, standard: str = "") -> str:
    """The map in one sentence, under a title that says when and where."""
    listed = _listed(summary, words, standard)
    return words("summary.facts", listed=listed[:1].upper() + listed[1:])


def _listed(summary: Summary, words: Words, standard: str) -> str:
    mean = (
        words("summary.mean", value=words.concentration(summary.mean))
        if np.isnan(summary.weighted)
        else words("summary.weighted", value=words.concentration(summary.weighted))
    )
    parts = [mean, words("summary.highest", value=_peak(summary, words))]
    if summary.limit is not None and summary.rows:
        parts.append(
            words.count(
                "summary.above",
                len(summary.above),
                total=len(summary.rows),
                limit=words.concentration(summary.limit),
                standard=standard,
            )
        )
    return words("summary.join").join(parts)


def _peak(summary: Summary, words: Words) -> str:
    value = words.concentration(summary.maximum)
    if summary.near is None:
        latitude, longitude = summary.peak
        return words("summary.at", value=value, place=f"{latitude:.2f}° N, {longitude:.2f}° E")
    return words(
        "summary.near",
        value=value,
        place=words.either(summary.near.name_en, summary.near.name_zh),
    )
