"""How well pictures that are handed in again are recognised 照片查重, and what it costs with many pictures there.

The pictures are drawn by program (`tests/pictures.py`): they look like places, but they are no photos. What is done to them is
what people do; the share that is recognised is a property of the method, the share of false alarms also of the pictures.
"""

from __future__ import annotations

import io
import random
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from PIL import Image, ImageOps

from engine.runtime import likeness
from engine.runtime.evidence_rules import EvidenceRules
from engine.store import migrate
from engine.store.database import open_database
from engine.store.tables import picture_keys, pictures
from tests.benchmarks.table import PICTURES, Row, at_least, at_most
from tests.pictures import DOCTORED, saved, scene

TABLE = PICTURES

RULES = EvidenceRules()


def seen(picture: Image.Image) -> tuple[Image.Image, list[int], list[int]]:
    """As the worker sees it: out of a JPEG thumbnail."""
    grey = likeness.grey(picture)
    grey = Image.open(io.BytesIO(saved(grey, quality=80))).convert("L")
    return grey, likeness.hashes(grey), likeness.hashes(ImageOps.mirror(grey))


def rows(full: bool = False) -> list[Row]:
    number, tried = (2000, 400) if full else (300, 60)
    scenes = [scene(n, (640, 480)) for n in range(number)]
    kept = [seen(one) for one in scenes]
    index: dict[int, list[int]] = {}
    for n, (_, hashes, _) in enumerate(kept):
        for key in likeness.all_keys(hashes):
            index.setdefault(key, []).append(n)

    def best(picture: Image.Image, wanted: int) -> int:
        """The likeness to the one that is wanted, or (-1 - n) to the most alike of all but n."""
        grey, hashes, mirrored = seen(picture)
        there = {n for key in likeness.asked_keys(hashes, mirrored) for n in index.get(key, ())}
        there = there & {wanted} if wanted >= 0 else there - {-1 - wanted}
        near = [(n, likeness.nearest(hashes, mirrored, kept[n][1])) for n in there]
        return max((likeness.compare(grey, kept[n][0], one).percent for n, one in near if one), default=0)

    found: list[Row] = []
    for what, do in DOCTORED.items():
        scores = [best(do(scenes[n]), n) for n in range(tried)]
        share = sum(s >= RULES.similar_percent for s in scores) / tried
        note = f"of {tried} pictures among {number}; least likeness {min(scores)} %"
        found.append(Row(f"recognised: {what}", f"{share:.1%}", "", note, at_least(share, 0.95)))
    others = [best(scenes[n], -1 - n) for n in range(number)]
    alarms = sum(s >= RULES.similar_percent for s in others)
    note = f"of {number} different pictures, each against all others; most alike {max(others)} %"
    found.append(Row("false alarms", f"{alarms / number:.2%}", "", note, at_most(alarms / number, 0.001)))
    found += _in_a_crowd(100_000 if full else 10_000, kept)
    return found


def _in_a_crowd(number: int, kept: list[Any]) -> list[Row]:
    """What one picture costs where many are, in SQLite: hashes of real pictures, changed at random."""
    chance = random.Random(7)
    with tempfile.TemporaryDirectory() as folder:
        database = open_database(f"sqlite:///{Path(folder) / 'a.db'}")
        migrate.upgrade(database)
        for start in range(1, number + 1, 2000):
            rows, keys = [], []
            for n in range(start, min(start + 2000, number + 1)):
                mask = chance.getrandbits(64)
                hashes = [one ^ mask for one in kept[n % len(kept)][1]]
                rows.append({"number": n, "file": f"f{n}", "case": "c", "hashes": likeness.packed(hashes)})
                keys += [{"key": key, "picture": n} for key in likeness.all_keys(hashes)]
            with database.write() as c:
                c.execute(sa.insert(pictures), rows)
                c.execute(sa.insert(picture_keys), keys)
        hashing, asking, met = [], [], []
        for n in range(20):
            picture = scene(10_000 + n, (640, 480))
            began = time.perf_counter()
            _, hashes, mirrored = seen(picture)
            hashing.append(time.perf_counter() - began)
            began = time.perf_counter()
            asked = sorted(likeness.asked_keys(hashes, mirrored))
            with database.read() as c:
                query = sa.select(picture_keys.c.picture).distinct().where(picture_keys.c.key.in_(asked))
                numbers = query.order_by(picture_keys.c.picture.desc()).limit(3000).subquery()
                there = (
                    c.execute(
                        sa.select(pictures.c.hashes).join(numbers, numbers.c.picture == pictures.c.number)
                    )
                    .scalars()
                    .all()
                )
            for one in there:
                likeness.nearest(hashes, mirrored, likeness.unpacked(one))
            asking.append(time.perf_counter() - began)
            met.append(len(there))
        database.close()
    return [
        Row(
            "hashes of one picture, its cuts and its mirror", f"{statistics.median(hashing) * 1000:.0f}", "ms"
        ),
        Row(
            f"asking among {number:,} pictures, SQLite",
            f"{statistics.median(asking) * 1000:.0f}",
            "ms",
            f"{statistics.median(met):.0f} candidates",
            at_most(statistics.median(asking) * 1000, 1000),
        ),
    ]
