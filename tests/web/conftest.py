"""The real app on a real database, with a small office around a tiny process, and people who use it."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import stores
from tests.web.builder import Site, copy_office, make_office, open_site

_made: dict[str, Path] = {}
"""By store, the office that all others are copies of."""


@pytest.fixture(autouse=True)
def own_logging() -> Iterator[None]:
    """A command that writes logs leaves its writer behind, whose stream is closed when the test is over."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


@pytest.fixture(scope="module")
def store(request: pytest.FixtureRequest) -> Iterator[str]:
    """The store that the module's offices lie in: SQLite, or one after the other in both (`stores.both`)."""
    with stores.use(getattr(request, "param", stores.SQLITE)):
        yield stores.chosen()


@pytest.fixture(scope="module")
def office_data(store: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data of a fresh office, made once for all modules: tests work on copies of it."""
    if store not in _made:
        folder = tmp_path_factory.mktemp("office")
        stores.keep_in(folder)
        make_office(folder)
        _made[store] = folder
    return _made[store]


@pytest.fixture
def data(store: str, office_data: Path, tmp_path: Path) -> Iterator[Path]:
    """A copy of it, for this test."""
    with stores.use(store):
        yield copy_office(office_data, tmp_path / "data")


@pytest.fixture
def site(data: Path) -> Site:
    """A fresh demo site."""
    return open_site(data)


@pytest.fixture(scope="module")
def shared(office_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Site:
    """One site for tests that only look, with two cases in it: one of 能源局's and one of 住建局's."""
    made = open_site(copy_office(office_data, tmp_path_factory.mktemp("shared") / "data"))
    made.mine = made.begin("wang")
    made.theirs = made.begin("liu", 名称="脚手架未验收", 企业="二号工地", 行业="建筑施工", 属地="城川镇")
    return made
