"""Tables of what was tried with STeP-Diff: samplers, spread, trust, parts, weights of physics."""

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from engine.research.stepdiff.runs import OMEGAS, TINY
from engine.research.stepdiff.samplers import KNOWN, MOST_WINDOWS, WHOLE
from engine.verify.bootstrap import interval


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """In Markdown."""
    lines = ["| " + " | ".join(head) + " |", "|---" * len(head) + "|"]
    return "\n".join([*lines, *("| " + " | ".join(row) + " |" for row in rows)])


def per_cent(ratio: float, digits: int = 0) -> str:
    """A ratio as a change: 0.9 is −10 %."""
    return f"{100 * (ratio - 1):+.{digits}f} %".replace("-", "−")


def bands(scored: Mapping[str, Any]) -> str:
    """What the two bands hold."""
    return f"{scored['half']:.0%} / {scored['most']:.0%}"


def samplers(found: Mapping[str, Any], titles: Mapping[str, str]) -> list[str]:
    """Each sampler against fifty steps, at every place."""
    rows = [
        _sampler(title, name, m, found[key]["samplers"][WHOLE])
        for key, title in titles.items()
        if WHOLE in found.get(key, {}).get("samplers", {})
        for name, m in found[key]["samplers"].items()
    ]
    if not rows:
        return []
    told = (
        "The weights that ship, the same first noise, at cells that vehicles visited; of many test "
        f"windows every third or so, {MOST_WINDOWS} at most. The target is that ten steps or fewer "
        "lose 2 % of CRPS at most. Calibration makes the members of any sampler as wide as errors "
        "are, so that each is held at the mean spread of the one that ships; in brackets CRPS "
        "without that. Intervals of 95 % by drawing windows. Last: the spread of samples of normal "
        f"distributions of standard deviation {KNOWN[0]:g} and {KNOWN[1]:g}, whose denoiser is "
        "known, against the true one.\n"
    )
    head = ("place", "sampler", "CRPS", "against 50 steps", "spread as drawn, µg/m³",
            "50 / 90 % bands hold", "CPU time", "spread where it is known")  # fmt: skip
    return ["\n## Samplers\n", told, table(head, rows)]


def _sampler(
    title: str, name: str, m: Mapping[str, Any], whole: Mapping[str, Any]
) -> tuple[str, ...]:
    against = ""
    if name != WHOLE:
        sums = np.array([m["crps_by_window"], whole["crps_by_window"]], dtype=float).T
        sure = interval(sums, lambda t: t[..., 0] / t[..., 1], block=1)
        against = per_cent(sure.value, 1)
        if sure.low == sure.low:  # NaN is not itself
            against += f" ({per_cent(sure.low, 1)} to {per_cent(sure.high, 1)})"
    spread = m["drawn_spread"]
    known = " and ".join(f"{share:.2f}" for share in m["known_spread"])
    return (
        title, name, f"{m['crps']:.3f} ({m['crps_as_drawn']:.3f})", against,
        f"{sum(spread) / len(spread):.2f}", bands(m), f"{m['seconds']:.0f} s", known,
    )  # fmt: skip


def spreads(found: Mapping[str, Any], titles: Mapping[str, str]) -> list[str]:
    """Rules for the spread, on days held out and on the test part."""
    known = {
        key: found[key]["rules"]["compared"] for key in titles if "rules" in found.get(key, {})
    }
    if not known:
        return []
    names = next(iter(known.values()))["rules"]
    rows = []
    for name in names:
        row = [name]
        for each in known.values():
            m = each["rules"][name]
            for part in ("held_out", "test"):
                row.append(f"{m[part]['crps']:.2f}, {bands(m[part])}")
        rows.append(row)
    head = ["rule: CRPS, 50 / 90 % bands"]
    for key in known:
        head += [f"{titles[key]}, days held out", "test"]
    lines = [
        "\n## Rules for the spread\n",
        "Members about the first guess, spread by factors from learning and validation windows. "
        "Held out: each day of these is told by factors of the others, and this alone may choose "
        "a rule; the test is what came of it.\n",
        table(head, rows),
        "",
    ]
    return [*lines, *(_days(titles[key], each) for key, each in known.items())]


def _days(title: str, found: Mapping[str, Any]) -> str:
    """What the shipped rule held on single days before the test, and how large errors were."""
    told = sorted((int(day), share) for day, share in found["days"].items())
    shares = [share for _, share in told]
    pairs = [(a + b) / 2 for (i, a), (j, b) in itertools.pairwise(told) if j == i + 1]
    inside = sum(0.85 <= pair <= 0.95 for pair in pairs)
    above = sum(pair > 0.95 for pair in pairs)
    mae = found["guess_mae"]
    return (
        f"{title}: held-out 90 % bands hold {min(shares):.0%} to {max(shares):.0%} of single days; "
        f"of {len(pairs)} pairs of days in a row {inside} lie at 85–95 %, {above} above, "
        f"{len(pairs) - inside - above} below. The first guess errs {mae['learn']:.1f} on learning "
        f"windows ({mae['learn, own days known']:.1f} if its climatology knew their days), "
        f"{mae['validate']:.1f} on validation, {mae['test']:.1f} on the test. Log likelihood "
        f"gained if errors follow those of late hours: {_best(found['foreseen']['late'])}; if "
        f"they follow the level: {_best(found['foreseen']['level'])}.\n"
    )


def _best(gained: Mapping[str, float]) -> str:
    """The best of some gains, of the order of 1 if errors were foreseen."""
    return f"{max(gained.values()):+.3f}".replace("-", "−")


def trust(found: Mapping[str, Any], titles: Mapping[str, str]) -> list[str]:
    """What each share of the members' mean gains, asked of blocks of the training part."""
    known = {key: found[key]["trust"] for key in titles if found.get(key, {}).get("trust")}
    rows = []
    for key, budgets in known.items():
        for budget, each in budgets.items():
            for leads, m in each["leads"].items():
                told = [
                    f"{g:+.2f} ± {s:.2f}".replace("-", "−")
                    for g, s in zip(m["gain"][1:], m["sure"][1:], strict=True)
                ]
                rows.append((titles[key], budget, leads, f"{m['mae']:.2f}", *told))
    if not rows:
        return []
    first = next(iter(next(iter(known.values())).values()))
    days = [
        f"{titles[key]} {each['days']}"
        for key, budgets in known.items()
        for each in [*budgets.values()][:1]
    ]
    head = ("place", "network", "ahead", "first guess's MAE",
            *(f"gain if {t:.0%} is believed" for t in first["trusts"][1:]))  # fmt: skip
    return [
        "\n## Is the network's mean of use?\n",
        "The training part in blocks of days: networks that never saw a block tell its windows, "
        f"all days together ({', '.join(days)}). Gain in mean absolute error, µg/m³, over the "
        "first guess alone, ± its standard error among days.\n",
        table(head, rows),
    ]


def parts(found: Mapping[str, Any]) -> list[str]:
    """Parts taken away or changed, and weights of the physics."""
    if not found.get("omega"):
        return []
    told = dict(found.get("variants", {}))
    for name, omega in (("without physics", "0"), ("**all parts**", "1")):
        if omega in found["omega"]:
            told = {name: found["omega"][omega]} | told

    def rows(group: Mapping[str, Any], names: Sequence[str]) -> list[tuple[str, ...]]:
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

    head = ("MAE", "CRPS", "50 / 90 % bands hold", "physics residual")
    omegas = found["omega"]
    return [
        "\n## Parts, and the weight of the physics\n",
        f"Changshu, trained anew for {TINY.steps} steps each: a tiny budget, one seed, four "
        "windows, members as they are drawn, without calibration. It says which parts break the "
        "network, not which of two near scores is better.\n",
        table(("part", *head), rows(told, list(told))),
        "",
        table(("weight of the physics", *head), rows(omegas, [f"{o:g}" for o in OMEGAS])),
    ]
