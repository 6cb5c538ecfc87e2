"""Comparing a picture 照片比对 with all others, and with the order it answers.

Hashes are made and pictures laid over each other outside of any transaction; what was found is written in one, alone, after it was
seen that no other picture came in meanwhile. A hint's id says what it is about: a second time changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from PIL import Image, ImageOps

from engine.errors import InputInvalid
from engine.runtime import hints as hinting
from engine.runtime import likeness, pictures
from engine.runtime.engine import Engine
from engine.runtime.evidence_rules import EvidenceRules
from engine.store.batch import insert_once
from engine.store.database import alone
from engine.store.tables import cases, files, hints, picture_keys
from engine.store.tables import pictures as kept

LOCK = 0x7069637475  # "pictu"
"""The number of the lock under which what was found is written."""

MOST_CANDIDATES = 3000
"""Pictures with a key in common that are asked for their hashes, newest first [P]."""

MOST_COMPARED, MOST_HINTS = 60, 5
"""Pictures laid over one, nearest first, and hints one may give [P]."""


@dataclass(frozen=True, slots=True)
class _Seen:
    """A picture's hashes, its mirror's, and how it is compared. Flat ones have none."""

    hashes: list[int]
    mirrored: list[int]
    grey: Image.Image


def compare(engine: Engine, row: Any, rules: EvidenceRules) -> None:
    """Compare one picture, a row of `hints.picture_rows`, with all others and write down what was found. Raises `OSError`, `EngineError`
    where it has to wait for another time."""
    seen = _see(engine.data_folder, row, rules)
    found = list(_of_shot(engine, row, rules))
    looked, alike = 0, list[tuple[int, hinting.Hint]]()
    for _ in range(20):
        with engine.read() as connection:
            newest = _newest(connection)
            rows = _candidates(connection, seen, looked) if seen is not None else []
        if seen is not None:
            alike += _alike(engine.data_folder, row, seen, rows, rules)
        looked = newest
        best = [hint for _, hint in sorted(alike, key=lambda one: -one[0])[:MOST_HINTS]]
        if _write(engine, row, seen, [*found, *best], looked):
            return
    raise InputInvalid("其他照片不断进来，这一张稍后再比对。")


def _see(folder: Path, row: Any, rules: EvidenceRules) -> _Seen | None:
    """None for what cannot be compared: no picture, or a flat one."""
    try:
        grey = _grey(folder, row, rules.megapixels)
        pictures.small(folder, row.id, pictures.LARGE, row.media_type, rules.megapixels)
    except InputInvalid:
        return None
    if likeness.is_flat(grey):
        return None
    return _Seen(likeness.hashes(grey), likeness.hashes(ImageOps.mirror(grey)), grey)


def _grey(folder: Path, row: Any, megapixels: int) -> Image.Image:
    small = pictures.small(folder, row.id, pictures.SMALL, row.media_type, megapixels)
    with Image.open(small, formats=["JPEG"]) as picture:
        return likeness.grey(picture)


def _of_shot(engine: Engine, row: Any, rules: EvidenceRules) -> Iterator[hinting.Hint]:
    if row.taken_at is None and row.latitude is None:
        return
    state, package = engine.load(row.case), engine.package_of(row.case)
    with engine.read() as connection:
        began = connection.execute(sa.select(cases.c.started_at).where(cases.c.id == row.case)).scalar_one()
    yield from hinting.of_shot(row, began, dict(state.root_variables), package, rules)


def _newest(connection: sa.Connection) -> int:
    return int(connection.execute(sa.select(sa.func.max(kept.c.number))).scalar() or 0)


def _candidates(connection: sa.Connection, seen: _Seen, after: int) -> list[Any]:
    """Pictures with a key in common that came in after number `after`, each with its hashes and its row."""
    asked = sorted(likeness.asked_keys(seen.hashes, seen.mirrored))
    query = sa.select(picture_keys.c.picture).distinct()
    query = query.where(picture_keys.c.key.in_(asked), picture_keys.c.picture > after)
    numbers = query.order_by(picture_keys.c.picture.desc()).limit(MOST_CANDIDATES).subquery()
    found = hinting.picture_rows.add_columns(kept.c.hashes).join(kept, kept.c.file == files.c.id)
    return list(connection.execute(found.join(numbers, numbers.c.picture == kept.c.number)).all())


def _alike(
    folder: Path, row: Any, seen: _Seen, rows: list[Any], rules: EvidenceRules
) -> Iterator[tuple[int, hinting.Hint]]:
    near = []
    for other in rows:
        if other.id == row.id or (other.case, other.item) == (row.case, row.item):
            continue
        nearest = likeness.nearest(seen.hashes, seen.mirrored, likeness.unpacked(other.hashes))
        if nearest is not None:
            near.append((nearest.bits, other.id, nearest, other))
    for _, _, nearest, other in sorted(near, key=lambda one: one[:2])[:MOST_COMPARED]:
        try:
            found = likeness.compare(seen.grey, _grey(folder, other, rules.megapixels), nearest)
        except (InputInvalid, OSError):
            continue  # the other's file is gone
        how = (
            "镜像并裁剪后"
            if found.mirrored and found.cut
            else "镜像后"
            if found.mirrored
            else "裁剪后"
            if found.cut
            else ""
        )
        earlier, later = sorted((row, other), key=lambda one: (one.uploaded_at, one.id))
        hint = hinting.alike(later, earlier, found.percent, how, rules)
        if hint is not None:
            yield found.percent, hint


def _write(engine: Engine, row: Any, seen: _Seen | None, found: list[hinting.Hint], looked: int) -> bool:
    """False when another picture came in since: then nothing is written."""
    with engine.database.write() as connection:
        alone(connection, LOCK)
        if seen is not None and _newest(connection) != looked:
            return False
        now = engine.moment_in(connection).now
        mark = sa.update(files).where(
            files.c.id == row.id, files.c.looked_at.is_(None), files.c.case == row.case
        )
        if connection.execute(mark.values(looked_at=now)).rowcount == 0:
            return True  # somebody else has, or its case was archived
        if seen is not None:
            picture = {"file": row.id, "case": row.case, "hashes": likeness.packed(seen.hashes)}
            number = connection.execute(sa.insert(kept).returning(kept.c.number), picture).scalar_one()
            under = sorted(likeness.all_keys(seen.hashes))
            connection.execute(sa.insert(picture_keys), [{"key": key, "picture": number} for key in under])
        if found:
            connection.execute(insert_once(hints), [hint.row(now) for hint in found])
    return True
