"""Every standard has its names on every page, in both languages."""

import pytest

from app import i18n
from app.style import standard_limits
from engine.core.standards import KEYS, STANDARDS


@pytest.mark.parametrize("language", i18n.LANGUAGES)
@pytest.mark.parametrize("key", STANDARDS)
def test_a_map_of_every_period_is_held_against_every_standard(key, language):
    words, rules = i18n.words(language), STANDARDS[key]
    name = words(f"limits.{key.replace('-', '_')}")
    for period in ("hour", "day", "month"):
        bound = standard_limits.bound(rules, period, words)
        assert bound is not None
        assert bound.short.startswith(name) and bound.full.startswith(name)
        standard_limits.scale(rules, period, words)
    index = standard_limits.index(60.0, rules, "day", words)
    assert (index is None) == (rules.index is None)


@pytest.mark.parametrize("language", i18n.LANGUAGES)
def test_every_standard_can_be_chosen_and_every_class_of_areas_is_named(language):
    words = i18n.words(language)
    for key in KEYS:
        assert words(f"standards.{key.replace('-', '_')}")
    # Targets of the WHO are numbered; classes of areas have names.
    sites = {limit.site for rules in STANDARDS.values() for limit in rules.limits}
    for site in sites - {""}:
        title = standard_limits.site_title(site, words)
        assert title != site or site.startswith("IT-"), site
