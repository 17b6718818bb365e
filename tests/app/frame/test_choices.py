import json

from app import i18n
from app.frame import sidebar
from app.frame.choices import PageChoices
from engine.core import regions, standards
from engine.core.paths import ASSETS
from engine.inference import catalogue


def test_every_model_region_and_standard_has_a_name_in_both_languages():
    for language in i18n.LANGUAGES:
        words = i18n.words(language)
        for name in catalogue.MODELS:
            key = name.replace("-", "_")
            assert f"models.{key}" in words, name
            assert f"models.{key}_summary" in words, name
        for name in standards.KEYS:
            assert f"standards.{name.replace('-', '_')}" in words, name
        for name in regions.REGIONS:
            assert sidebar.region_title(name, words) != name


def test_a_name_we_do_not_know_is_shown_as_it_is():
    words = i18n.words("zh")
    assert sidebar.model_title("my-model", words) == "my-model"
    assert sidebar.dataset_title("my-maps", words) == "my-maps"
    assert sidebar.region_title("117,29,123,33", words) == "117,29,123,33"


def test_the_demo_opens_on_a_date_that_no_shipped_weights_have_learned_from():
    for folder, dataset, task in (
        ("stepdiff-twin", "demo-mobile", "forecast"),
        ("airstfm-day", "demo", "super-resolution"),
    ):
        about = json.loads((ASSETS / "weights" / folder / "config.json").read_text())
        opened = PageChoices((task,)).default_date(dataset)
        assert opened.isoformat() > max(about["train_end"], about["validate_end"]), dataset


def test_a_forecast_opens_where_all_of_its_hours_are_known():
    last = PageChoices(("super-resolution",)).dates("demo-mobile")[-1]
    opened = PageChoices(("forecast",)).default_date("demo-mobile")
    assert (last - opened).days == 2  # 48 hours, the longest forecast of hours on the page
