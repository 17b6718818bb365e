import pytest


@pytest.fixture(autouse=True)
def own_library(home):
    """No test here touches the library of whoever runs it."""
