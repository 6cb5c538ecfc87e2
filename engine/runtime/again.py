"""Trying again 再试: what the database gives up for reasons that pass by is done anew, and a commit whose answer was lost is
settled before anybody is told anything.

Two transactions that wait for each other (a deadlock), a serialization failure, a server that restarts: the transaction is
undone and may simply be done again. If the connection is lost *during* COMMIT nobody knows whether it was done; then its
receipt (`commands.id`) is asked for first. So work is neither doubled nor reported lost when it is there.

Order of locks, by which deadlocks are rare: the case (`snapshots.take`, `claims.due_cases`), then what belongs to it,
numbers 文号 and the outbox's keys last. Nobody who holds a case waits for another case.
"""

from __future__ import annotations

import errno
import logging
import random
import sqlite3
import time
from collections.abc import Callable
from typing import TypeVar

import sqlalchemy as sa

log = logging.getLogger(__name__)

Answer = TypeVar("Answer")

TRIES = 8
"""How often one thing is tried before its error is let out [P]."""

FIRST_PAUSE = 0.05
"""Seconds before the second try; twice as long before each further one, together about six seconds [P]."""

_UNDONE = {"40001", "40P01", "55P03"}  # serialization failure, deadlock, lock not available
_DISK_FULL = "53100"
_SERVER_GONE = ("08", "57P")  # connection exceptions; the server is shut down, crashed, or not up yet


def passes_by(error: BaseException) -> bool:
    """Whether the same thing may well succeed when it is done again in a new transaction."""
    if not isinstance(error, sa.exc.DBAPIError):
        return False
    if error.connection_invalidated:
        return True
    state = getattr(error.orig, "sqlstate", None)
    if state is None:  # no server answered: nobody listens there, or it hung up before it said anything
        return isinstance(error, sa.exc.OperationalError) and _is_postgresql(error)
    return state in _UNDONE or state.startswith(_SERVER_GONE)


def no_room(error: BaseException) -> bool:
    """Whether a disk is full: that of the files, or that of the database."""
    if isinstance(error, OSError):
        return error.errno in (errno.ENOSPC, errno.EDQUOT)
    if not isinstance(error, sa.exc.OperationalError):
        return False
    code = getattr(error.orig, "sqlite_errorcode", None)
    return code == sqlite3.SQLITE_FULL or getattr(error.orig, "sqlstate", None) == _DISK_FULL


def until_done(do: Callable[[bool], Answer], *, receipt: bool = False) -> Answer:
    """`do(repeated)`, done again while it fails for a reason that passes by. `repeated` tells it that it may have been done
    already: it is to ask for its receipt first.

    `receipt`: a receipt of the same id in the way (`IntegrityError`) also means that it may have been done.
    """
    pause = FIRST_PAUSE
    for attempt in range(1, TRIES + 1):
        try:
            return do(attempt > 1)
        except sa.exc.DBAPIError as error:
            met_itself = receipt and attempt == 1 and isinstance(error, sa.exc.IntegrityError)
            if attempt == TRIES or not (met_itself or passes_by(error)):
                raise
            if not met_itself:
                log.warning("the database gave up (%s), tried again in %.2f s", _reason(error), pause)
                time.sleep(pause * random.uniform(0.5, 1.5))
                pause *= 2
    raise AssertionError("unreachable")


def _is_postgresql(error: sa.exc.DBAPIError) -> bool:
    return type(error.orig).__module__.startswith("psycopg")


def _reason(error: sa.exc.DBAPIError) -> str:
    return getattr(error.orig, "sqlstate", None) or type(error.orig).__name__
