"""What all tests begin with: property tests draw the same examples in every run, so that a red run is red again.

`HYPOTHESIS_PROFILE=exploring pytest …` draws new ones; what it finds becomes a test of its own.
"""

from __future__ import annotations

import gc
import os
from collections.abc import Generator, Iterator

import pytest
from hypothesis import settings

from tests import stores

settings.register_profile("repeatable", derandomize=True)
settings.register_profile("exploring", settings.get_profile("default"))
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "repeatable"))


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Collecting makes a million objects that stay: they are not searched for garbage, while they come or afterwards."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.enable()
        gc.freeze()


@pytest.fixture
def store(request: pytest.FixtureRequest) -> Iterator[str]:
    """The store that the test's offices lie in (`stores.both`)."""
    with stores.use(request.param):
        yield request.param
