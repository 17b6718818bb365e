from app import i18n, sidebar
from engine import catalogue, regions, standards


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
