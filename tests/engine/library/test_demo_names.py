"""The demo's datasets: first in the list, read-only, described by the twin."""

import pytest

from engine import library, twin
from engine.core.errors import RequestError


@pytest.fixture
def demo(maps, monkeypatch):
    """A twin that has one dataset, as `engine.library.demo` asks for it."""
    kept = library.store(maps(), "kept").model_dump(exclude={"name"})
    monkeypatch.setattr(twin, "demo_info", lambda: {"demo": kept}, raising=False)
    monkeypatch.setattr(twin, "open_demo", lambda name: maps(), raising=False)


def test_it_is_listed_first_and_opened_like_any_other(demo, maps):
    library.store(maps(), "aaa")
    assert library.names() == ["demo", "aaa", "kept"]
    assert library.info("demo").name == "demo"
    dataset = library.open_dataset("demo")
    assert dataset.attrs["dataset"] == "demo"
    assert dataset.attrs["dataset_checksum"] == library.info("kept").checksum
    assert dataset.attrs["synthetic"] == 1


def test_it_cannot_be_replaced(demo, maps):
    with pytest.raises(RequestError, match="'demo' is a name of the demo world"):
        library.store(maps(), "demo", replace=True)
