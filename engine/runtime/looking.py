"""Looking at pictures 照片比对: each attached picture is compared once with all others, after the upload, off the request.

What is to be looked at stands in the tables (`files.looked_at`), so a crash loses nothing, and pictures from before are looked
at, too. Hashes are made and pictures compared outside of any transaction; what was found is written in one, alone, after it was
seen that no other picture came in meanwhile. A hint's id says what it is about: a second time changes nothing.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from PIL import Image, ImageOps

from engine.errors import EngineError, InputInvalid
from engine.runtime import evidence_rules, form_drafts, half_uploads, likeness, pictures
from engine.runtime import hints as hinting
from engine.runtime.engine import Engine
from engine.runtime.evidence_rules import EvidenceRules
from engine.store.batch import insert_once
from engine.store.database import alone
from engine.store.tables import cases, files, hints, picture_keys, to_be_looked_at, work_items
from engine.store.tables import pictures as kept

log = logging.getLogger(__name__)

LOCK = 0x7069637475  # "pictu"
"""The number of the lock under which what was found is written."""

PAUSE_SECONDS = 3.0
"""How long the looker sleeps when there is nothing to be looked at [P]."""

SWEEP_SECONDS = 3600.0
"""How often uploads that were given up and drafts of steps that are over are swept away [P]."""

MOST_CANDIDATES = 3000
"""Pictures with a key in common that are asked for their hashes, newest first [P]."""

MOST_COMPARED, MOST_HINTS = 60, 5
"""Pictures laid over one, nearest first, and hints one may give [P]."""

AGAIN = timedelta(minutes=10)
"""When a picture is tried again whose file could not be read."""


@dataclass(frozen=True, slots=True)
class _Seen:
    """A picture's hashes, its mirror's, and how it is compared. Flat ones have none."""

    hashes: list[int]
    mirrored: list[int]
    grey: Image.Image


@contextmanager
def beside(engine: Engine) -> Iterator[None]:
    """Look at pictures in a thread of its own until the block ends; the one that is looked at is finished."""
    stop = threading.Event()
    thread = threading.Thread(target=_go_on, args=(engine, stop), name="pictures", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def _go_on(engine: Engine, stop: threading.Event) -> None:
    swept, skipped = 0.0, dict[str, float]()
    while not stop.is_set():
        done = 0
        try:
            if time.monotonic() - swept > SWEEP_SECONDS or not swept:
                half_uploads.sweep(engine)
                form_drafts.sweep(engine)
                swept = time.monotonic()
            done = look_at_new(engine, 1, skipped)
        except Exception:
            log.exception("pictures could not be looked at; it is tried again")
        if done == 0:
            stop.wait(PAUSE_SECONDS)


def look_at_new(engine: Engine, most: int = 1000, skipped: dict[str, float] | None = None) -> int:
    """Look at up to `most` pictures that wait for it, oldest first. Returns how many. `skipped` remembers those whose files could
    not be read (id → when, by the host's steady clock)."""
    skipped = {} if skipped is None else skipped
    late = time.monotonic() - AGAIN.total_seconds()
    for id_ in [id_ for id_, at in skipped.items() if at < late]:
        del skipped[id_]
    done = 0
    with engine.read() as connection:
        rules = evidence_rules.read(connection)
        query = _row.where(to_be_looked_at, files.c.id.not_in(list(skipped)))
        rows = connection.execute(query.order_by(files.c.uploaded_at, files.c.id).limit(most)).all()
    for row in rows:
        try:
            _look(engine, row, rules)
            done += 1
        except (OSError, EngineError) as error:
            log.warning("picture %s cannot be looked at: %s", row.id, error)
            skipped[row.id] = time.monotonic()
    return done


def _look(engine: Engine, row: Any, rules: EvidenceRules) -> None:
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
    found = _row.add_columns(kept.c.hashes).join(kept, kept.c.file == files.c.id)
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


_row = sa.select(files, work_items.c.name.label("step"), work_items.c.offered_at).outerjoin(
    work_items, sa.and_(work_items.c.case == files.c.case, work_items.c.item == files.c.item)
)
