"""The built front end 前端资源: tags from Vite's manifest, and the files themselves.

Pages work without it (no islands); `built()` lets the layout say so.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path
from typing import Any

from flask import Blueprint, Response, abort, send_from_directory
from markupsafe import Markup

from web.identity import may

DIST = Path(__file__).parent / "frontend" / "dist"
ENTRIES = {"app": ("src/app.js", "src/app.ts")}

blueprint = Blueprint("assets", __name__)


@lru_cache(maxsize=4)
def _manifest(path: Path, changed: float) -> dict[str, dict[str, object]]:
    found: dict[str, dict[str, object]] = json.loads(path.read_text("utf-8"))
    return found


def manifest() -> dict[str, dict[str, object]]:
    """Vite's manifest; empty when the front end was never built. Read again when it changes."""
    path = DIST / ".vite" / "manifest.json"
    try:
        return _manifest(path, path.stat().st_mtime)
    except (OSError, ValueError):
        return {}


def built() -> bool:
    """Whether the front end has been built."""
    return bool(manifest())


def asset_tags(entry: str) -> Markup:
    """The `<link>` and `<script>` tags of an entry; nothing when it was not built."""
    known = manifest()
    name = next((n for n in ENTRIES.get(entry, (entry,)) if n in known), None)
    if name is None:
        return Markup("")
    styles: list[str] = []
    seen: set[str] = set()

    def collect(chunk: str) -> None:
        if chunk in seen or chunk not in known:
            return
        seen.add(chunk)
        imports = known[chunk].get("imports", [])
        for inner in imports if isinstance(imports, list) else []:
            collect(str(inner))
        css = known[chunk].get("css", [])
        styles.extend(str(c) for c in (css if isinstance(css, list) else []) if c not in styles)

    collect(name)
    tags = [Markup('<link rel="stylesheet" href="/assets/{}">').format(style) for style in styles]
    tags.append(Markup('<script type="module" src="/assets/{}"></script>').format(str(known[name]["file"])))
    return Markup("\n").join(tags)


def files_of(entries: Iterable[str]) -> list[str]:
    """Every built file that entries (source names) bring with them, in a fixed order: chunks, styles, fonts."""
    known = manifest()
    found: set[str] = set()
    waiting = [e for e in entries if e in known]
    seen = set(waiting)
    while waiting:
        chunk: Any = known[waiting.pop()]
        found.update([chunk["file"], *chunk.get("css", ()), *chunk.get("assets", ())])
        more = [name for name in chunk.get("imports", ()) if name in known and name not in seen]
        seen.update(more)
        waiting += more
    return sorted(found)


@blueprint.get("/assets/<path:name>")
@may("anyone")
def asset(name: str) -> Response:
    """A built file. Names carry a hash of the content, so they may be kept for a year."""
    if name.startswith(".") or "/." in name:
        abort(404)
    answer = send_from_directory(DIST, name, max_age=31_536_000)
    answer.headers["Cache-Control"] = "public, max-age=31536000, immutable"
    return answer


@blueprint.get("/favicon.svg")
@may("anyone")
def icon() -> Response:
    """The mark in the browser's tab."""
    drawing = (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><rect width="32" height="32" rx="7" fill="#b3261e"/>'
        '<path d="M9 16.5l5 5 9.5-11" fill="none" stroke="#fff" stroke-width="3.2" stroke-linecap="round" stroke-linejoin="round"/></svg>'
    )
    return Response(drawing, content_type="image/svg+xml", headers={"Cache-Control": "public, max-age=86400"})
