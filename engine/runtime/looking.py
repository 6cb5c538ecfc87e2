"""Looking at pictures 照片比对: each attached picture is compared once with all others, after the upload, off the request.

What is to be looked at stands in the tables (`files.looked_at`), so a crash loses nothing, and pictures from before are looked
at, too. How one is compared is `comparing`'s, which is read with its large libraries when the first picture comes.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from engine.errors import EngineError
from engine.runtime import evidence_rules, form_drafts, half_uploads, hints
from engine.runtime.engine import Engine
from engine.runtime.host_clock import SystemClock
from engine.store.tables import files, to_be_looked_at

log = logging.getLogger(__name__)

PAUSE_SECONDS = 3.0
"""How long the looker sleeps when there is nothing to be looked at [P]."""

SWEEP_SECONDS = 3600.0
"""How often uploads that were given up and drafts of steps that are over are swept away [P]."""

AGAIN = timedelta(minutes=10)
"""When a picture is tried again whose file could not be read."""


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
                form_drafts.sweep(engine, SystemClock().now())
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
        query = hints.picture_rows.where(to_be_looked_at, files.c.id.not_in(list(skipped)))
        rows = connection.execute(query.order_by(files.c.uploaded_at, files.c.id).limit(most)).all()
    for row in rows:
        from engine.runtime import comparing  # most processes see no picture for hours

        try:
            comparing.compare(engine, row, rules)
            done += 1
        except (OSError, EngineError) as error:
            log.warning("picture %s cannot be looked at: %s", row.id, error)
            skipped[row.id] = time.monotonic()
    return done
