"""Tables of experiments with STeP-Diff: samplers, spread, weights of the mean and of physics."""

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from engine.core.results_page import fill, table, verdict
from engine.research.stepdiff.runs import OMEGAS, TINY
from engine.research.stepdiff.samplers import KNOWN, MOST_WINDOWS, WHOLE
from engine.verify.bootstrap import interval

SURE = 1.96  # standard errors either side: an interval of 95 %


def per_cent(ratio: float, digits: int = 0) -> str:
    """A ratio as a change: 0.9 is −10 %."""
    return f"{100 * (ratio - 1):+.{digits}f} %".replace("-", "−")


def bands(scored: Mapping[str, Any]) -> str:
    """Coverage of the two intervals."""
    return f"{scored['coverage_50']:.0%} / {scored['coverage_90']:.0%}"


def samplers(found: Mapping[str, Any], titles: Mapping[str, str], template: str) -> str:
    """Each sampler against fifty steps, at every place."""
    rows = [
        _sampler(title, name, m, found[key]["samplers"][WHOLE])
        for key, title in titles.items()
        if WHOLE in found.get(key, {}).get("samplers", {})
        for name, m in found[key]["samplers"].items()
    ]
    if not rows:
        return ""
    head = ("place", "sampler", "CRPS", "against 50 steps", "verdict", "spread as drawn, µg/m³",
            "50 / 90 % intervals cover", "CPU time", "spread where it is known")  # fmt: skip
    record = {"most_windows": MOST_WINDOWS, "known": list(KNOWN)}
    return fill(template, record, {"rows": table(head, rows, "---")})


def _sampler(
    title: str, name: str, m: Mapping[str, Any], whole: Mapping[str, Any]
) -> tuple[str, ...]:
    against, word = "", ""
    if name != WHOLE:
        sums = np.array([m["crps_by_window"], whole["crps_by_window"]], dtype=float).T
        sure = interval(sums, lambda t: t[..., 0] / t[..., 1], block=1)
        against, word = per_cent(sure.value, 1), verdict(sure.low - 1, sure.high - 1)
        if sure.low == sure.low:  # NaN is not itself
            against += f" ({per_cent(sure.low, 1)} to {per_cent(sure.high, 1)})"
    spread = m["drawn_spread"]
    known = " and ".join(f"{share:.2f}" for share in m["known_spread"])
    return (
        title, name, f"{m['crps']:.3f} ({m['crps_as_drawn']:.3f})", against, word,
        f"{sum(spread) / len(spread):.2f}", bands(m), f"{m['seconds']:.0f} s", known,
    )  # fmt: skip


def spreads(
    found: Mapping[str, Any], titles: Mapping[str, str], templates: Mapping[str, str]
) -> str:
    """Rules for the spread, on days held out and on the test part."""
    known = {
        key: found[key]["rules"]["compared"] for key in titles if "rules" in found.get(key, {})
    }
    if not known:
        return ""
    rows = [
        [name]
        + [
            f"{m['crps']:.2f}, {bands(m)}"
            for each in known.values()
            for m in (each["rules"][name]["held_out"], each["rules"][name]["test"])
        ]
        for name in next(iter(known.values()))["rules"]
    ]
    head = ["rule: CRPS, 50 / 90 % intervals cover"]
    for key in known:
        head += [f"{titles[key]}, days held out", "test"]
    days = [_days(titles[key], each, templates["days"]) for key, each in known.items()]
    tables = {"rules": table(head, rows, "---"), "days": "\n\n".join(days)}
    return fill(templates["spreads"], {}, tables)


def _days(title: str, found: Mapping[str, Any], template: str) -> str:
    """Coverage of the shipped rule on single days before the test, and how large errors were."""
    by_day = sorted((int(day), share) for day, share in found["days"].items())
    shares = [share for _, share in by_day]
    pairs = [(a + b) / 2 for (i, a), (j, b) in itertools.pairwise(by_day) if j == i + 1]
    inside = sum(0.85 <= pair <= 0.95 for pair in pairs)
    above = sum(pair > 0.95 for pair in pairs)
    record = {
        "title": title,
        "least": min(shares),
        "most": max(shares),
        "pairs": len(pairs),
        "inside": inside,
        "above": above,
        "below": len(pairs) - inside - above,
        "mae": found["guess_mae"],
        "late": _best(found["foreseen"]["late"]),
        "level": _best(found["foreseen"]["level"]),
    }
    return fill(template, record, {})


def _best(gained: Mapping[str, float]) -> str:
    """The best of some gains, of the order of 1 if errors were foreseen."""
    return f"{max(gained.values()):+.3f}".replace("-", "−")


def mean_weight(found: Mapping[str, Any], titles: Mapping[str, str], template: str) -> str:
    """What each weight of the members' mean gains, in blocks of the training part."""
    known = {
        key: found[key]["mean_weight"] for key in titles if found.get(key, {}).get("mean_weight")
    }
    if not known:
        return ""
    rows, words = [], []
    for key, budgets in known.items():
        for budget, each in budgets.items():
            for leads, m in each["leads"].items():
                pairs = list(zip(m["gain"][1:], m["sure"][1:], strict=True))
                gains = [f"{g:+.2f} ± {s:.2f}".replace("-", "−") for g, s in pairs]
                rows.append((titles[key], budget, leads, f"{m['mae']:.2f}", *gains))
                # A gain is a change of the error downwards.
                words += [verdict(-g - SURE * s, -g + SURE * s) for g, s in pairs]
    first = next(iter(next(iter(known.values())).values()))
    head = ("place", "network", "ahead", "first guess's MAE",
            *(f"gain with weight {t:.0%}" for t in first["mean_weights"][1:]))  # fmt: skip
    days = [f"{titles[key]} {next(iter(each.values()))['days']}" for key, each in known.items()]
    record = {
        "days": ", ".join(days),
        "count": len(words),
        "better": words.count("better"),
        "worse": words.count("worse"),
        "not_shown": words.count("not shown"),
    }
    return fill(template, record, {"gains": table(head, rows, "---")})


def parts(found: Mapping[str, Any], template: str) -> str:
    """Parts taken away or changed, and weights of the physics."""
    if not found.get("omega"):
        return ""
    omegas = found["omega"]
    variants = dict(found.get("variants", {}))
    for name, omega in (("without physics", "0"), ("**all parts**", "1")):
        if omega in omegas:
            variants = {name: omegas[omega]} | variants
    head = ("MAE", "CRPS", "50 / 90 % intervals cover", "physics residual")
    tables = {
        "variants": table(("part", *head), _scores(variants, list(variants)), "---"),
        "omegas": table(
            ("weight of the physics", *head), _scores(omegas, [f"{o:g}" for o in OMEGAS]), "---"
        ),
    }
    return fill(template, {"steps": TINY.steps}, tables)


def _scores(group: Mapping[str, Any], names: Sequence[str]) -> list[tuple[str, ...]]:
    return [
        (
            name,
            f"{group[name]['mae']:.2f}",
            f"{group[name]['crps']:.2f}",
            bands(group[name]),
            f"{group[name]['physics']:.2f}",
        )
        for name in names
        if name in group
    ]
