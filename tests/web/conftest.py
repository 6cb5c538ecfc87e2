"""The real app on a real SQLite file, with a small office around a tiny process, and people who use it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.web.builder import Site, make_office, open_site


@pytest.fixture(scope="session")
def office_data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data of a fresh office, made once."""
    folder = tmp_path_factory.mktemp("office")
    make_office(folder)
    return folder


@pytest.fixture
def data(office_data: Path, tmp_path: Path) -> Path:
    """A copy of it, for this test."""
    return Path(shutil.copytree(office_data, tmp_path / "data"))


@pytest.fixture
def site(data: Path) -> Iterator[Site]:
    """A fresh demo site."""
    made = open_site(data)
    yield made
    made.engine.close()


@pytest.fixture(scope="module")
def shared(office_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """One site for tests that only look, with two cases in it: one of 能源局's and one of 住建局's."""
    made = open_site(Path(shutil.copytree(office_data, tmp_path_factory.mktemp("shared") / "data")))
    made.mine = made.begin("wang")
    made.theirs = made.begin("liu", 名称="脚手架未验收", 企业="二号工地", 行业="建筑施工", 属地="城川镇")
    yield made
    made.engine.close()
