"""The comments on a case as a conversation 评论: threads, the newest first, the answers in each in their order."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from markupsafe import Markup, escape

from web.context import the_directory


def threads(rows: Iterable[dict[str, Any]], item: int = 0) -> list[dict[str, Any]]:
    """Lines of the history (`history.as_row`, as far as they are the reader's) as threads `{row, replies}`. An answer to what the
    reader may not read begins one. `item`: only those about it."""
    found: dict[int, dict[str, Any]] = {}  # number of each comment → its thread
    made: list[dict[str, Any]] = []
    notes = (r for r in rows if r["kind"] == "NoteAdded" and r["data"].get("text"))
    for row in sorted(notes, key=lambda r: r["seq"]):
        thread = found.get(row["data"].get("reply", 0))
        if thread is None:
            thread = {"row": row, "replies": []}
            made.append(thread)
        else:
            thread["replies"].append(row)
        if row["data"].get("number"):
            found[row["data"]["number"]] = thread
    if item:
        made = [x for x in made if any(r["data"].get("item") == item for r in (x["row"], *x["replies"]))]
    made.sort(key=lambda x: (x["replies"] or [x["row"]])[-1]["seq"], reverse=True)
    return made


def text_of(row: dict[str, Any]) -> Markup:
    """A comment's text with the people it names marked, and its lines kept."""
    text = str(escape(row["data"]["text"]))
    names = {str(escape(the_directory().name_of(p))) for p in row["data"].get("mentions", ())}
    if names:
        either = "|".join(re.escape(name) for name in sorted(names, key=len, reverse=True))
        text = re.sub(f"[@＠](?:{either})", r'<span class="mention">\g<0></span>', text)
    return Markup("<br>".join(text.splitlines()))
