"""The front end's own promises that need no browser: exact pins, no host names in the lock, Chinese forms."""

from __future__ import annotations

import gzip
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


NOT_FOR_PEOPLE = frozenset(
    {
        # names of components and of what an embedded page may do: the form editor's, which the product does not have
        "Allow same origin", "Camera access", "Checkbox group", "Date time", "Document preview", "Dynamic list", "File picker",
        "Forms submission", "Image view", "Microphone access", "Open in fullscreen", "Open modal windows", "Open popups",
        "Radio group", "Script execution", "Storage access by user", "Tag list", "Text area", "Text field", "Text view",
        "Top level navigation", "No timezone", "Html view", "Date & Time",
        # a table's sample rows in the editor, and words for programmers
        "Dominic Leaf", "Erika Muller", "John Doe", "Input data", "No options source defined in the form definition",
        "Unknown expression type: ",
        # the mark, which its licence wants as it is
        "Powered by bpmn.io",
    }
)  # fmt: skip
_SENTENCE = re.compile(r"""(["'`])([A-Z][a-z]+ (?:(?!\1)[^\n\\])*?)\1""")
_NAMED = re.compile(r"""(?:"aria-label"|placeholder|title|alt|children): (["'])([A-Z][a-z]+)\1""")


def test_every_english_literal_of_form_js_is_translated_or_nobodys_to_read() -> None:
    """A sentence of another form-js that nobody has translated fails here, before a person meets it."""
    source = FRONTEND / "node_modules" / "@bpmn-io" / "form-js-viewer" / "dist" / "index.es.js"
    if not source.exists():
        pytest.skip("前端依赖没有安装（make frontend），未检查表单的文字。")
    text = re.sub(r"^\s*(\*|//).*$", "", source.read_text("utf-8"), flags=re.MULTILINE)
    found = {literal for pattern in (_SENTENCE, _NAMED) for _, literal in pattern.findall(text)}
    translated = (FRONTEND / "form-js-zh.js").read_text("utf-8").replace("\\'", "'")
    assert len(found) > 40  # the pattern still finds them
    left = {
        one for one in found if one not in translated and not any(one.startswith(k) for k in NOT_FOR_PEOPLE)
    }
    assert left == set()


LARGEST = 200_000  # bytes of a page on the way, before its islands


def test_what_every_page_loads_first_is_small() -> None:
    """Styles and script of every page, compressed; the pages' own HTML is weighed with them in tests/web/test_weight.py."""
    manifest = FRONTEND / "dist" / ".vite" / "manifest.json"
    if not manifest.exists():
        pytest.skip("前端尚未构建（make frontend），未称重。")
    assert weight(first_files(json.loads(manifest.read_text("utf-8")))) < LARGEST * 0.8


def first_files(known: dict[str, dict[str, list[str]]]) -> list[Path]:
    """What a page's head names: the entry, what it imports at once, and their styles."""
    names, waiting = set[str](), ["src/app.js"]
    while waiting:
        chunk = known[waiting.pop()]
        names |= {str(chunk["file"]), *chunk.get("css", [])}
        waiting += chunk.get("imports", [])
    return [FRONTEND / "dist" / name for name in sorted(names)]


def weight(files: list[Path]) -> int:
    return sum(len(gzip.compress(path.read_bytes(), 6)) for path in files)
