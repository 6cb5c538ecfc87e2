"""What a reviewer is shown of hints at false fixes 疑似虚假整改: only what this reader may see, the other picture included."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from engine.errors import NotFound
from engine.handlers.hints import VERDICTS, may_review
from engine.handlers.work import Work
from engine.runtime import hints as kept
from engine.store import tables as t
from web.identity import Who
from web.sight import file_row

TITLES = {
    "duplicate": "与其他案件照片雷同",
    "unchanged": "整改前后照片雷同",
    "older": "拍摄早于督办",
    "far": "拍摄地点偏远",
}

SOMEWHERE = "与另一案件的照片相同，请联系安委办核对。"
"""All that is said of a picture whose case the reader may not see."""


def hints(c: sa.Connection, who: Who, work: Work, item: int = 0) -> list[dict[str, Any]]:
    """The hints of the case (with `item`: on pictures that came with it) that `who` reviews, those not judged yet first."""
    found = [
        _shown(c, who, row)
        for row in kept.of_case(c, work.setting.case)
        if (not item or row.item == item)
        and may_review(work, row.uploaded_by, row.unit)
        and _seen(c, who, row.file)
    ]
    return sorted(found, key=lambda hint: bool(hint["verdict"]))


def _shown(c: sa.Connection, who: Who, row: Any) -> dict[str, Any]:
    other = _seen(c, who, row.other) if row.other else None
    hidden = bool(row.other) and other is None
    case = (
        c.execute(sa.select(t.cases.c.title, t.cases.c.number).where(t.cases.c.id == row.other_case)).first()
        if other
        else None
    )
    return {
        "id": row.id,
        "kind": row.kind,
        "title": TITLES.get(row.kind, row.kind),
        "said": f"“{row.name}”{SOMEWHERE}" if hidden else row.said,
        "file": row.file,
        "name": row.name,
        "other": row.other if other else "",
        "other_name": other.name if other else "",
        "other_case": row.other_case if other else "",
        "other_title": (case.number or case.title) if case else "",
        "made_at": row.made_at,
        "verdict": row.verdict,
        "verdict_name": VERDICTS.get(row.verdict, ""),
        "reason": row.reason,
        "judged_by": row.judged_by,
        "judged_at": row.judged_at,
    }


def _seen(c: sa.Connection, who: Who, file: str) -> Any:
    """The file's row, as far as `who` may see it; else None."""
    try:
        return file_row(c, who, file)
    except NotFound:
        return None
