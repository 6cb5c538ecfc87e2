"""The front end's own promises that need no browser: exact pins, no host names in the lock, Chinese forms."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

pytestmark = pytest.mark.no_browser
FRONTEND = Path(__file__).parents[2] / "web" / "frontend"


def test_every_dependency_is_pinned_exactly() -> None:
    package = json.loads((FRONTEND / "package.json").read_text("utf-8"))
    pins = {**package["dependencies"], **package["devDependencies"]}
    assert pins
    assert [name for name, version in pins.items() if not re.fullmatch(r"\d+\.\d+\.\d+", version)] == []


def test_the_lock_file_has_hashes_and_names_no_host() -> None:
    text = (FRONTEND / "package-lock.json").read_text("utf-8")
    packages = json.loads(text)["packages"]
    assert '"resolved"' not in text
    assert [
        path
        for path, entry in packages.items()
        if path and not entry.get("link") and "integrity" not in entry
    ] == []


def test_the_built_form_speaks_chinese() -> None:
    dist = FRONTEND / "dist"
    if not (dist / ".vite" / "manifest.json").exists():
        pytest.skip("前端尚未构建（make frontend），未检查构建结果。")
    scripts = "\n".join(path.read_text("utf-8") for path in dist.glob("*.js"))
    for english in (
        "Field is required.",
        "Field must have minimum",
        "No files selected",
        "Date and time must both",
    ):
        assert english not in scripts
    assert "此项必须填写。" in scripts
    assert "Powered by bpmn.io" in scripts  # the mark stays as it is
