"""What the engine's tests begin with unless they say otherwise."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.runtime.engine import Engine
from tests.engine.office_builder import new_office


@pytest.fixture
def engine(tmp_path: Path) -> Engine:
    """A fresh office of its own (`office_builder`), at Monday 28 September 2026, 09:00."""
    return new_office(tmp_path)
