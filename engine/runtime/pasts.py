"""What came of what in the cases gone back in lately 近来的经过, kept in this process: whoever asks again reads only what has
happened since.

What is kept is pinned to a fact by its hash, and that binds all facts before it. So whatever other machines did, whatever was
rolled back and however old the view is that a transaction has: either the case has that fact, and what is kept holds of it, or all
is read anew.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from threading import Lock

import sqlalchemy as sa

from engine.audit import chain, ledger
from engine.definitions.model import Package
from engine.execution.history import History

MOST_FACTS = 100_000
"""Facts of all cases together of which a process keeps what came of what [P]: some 25 megabytes."""


@dataclass(slots=True)
class Past:
    """A case's past up to fact `seq`, whose hash is `head`."""

    case: str
    history: History
    seq: int = 0
    head: bytes = chain.START


class Pasts:
    """Those of the cases looked at last. Thread-safe: a past that was read is the reader's alone until it is kept again; who asks
    meanwhile reads one of its own."""

    def __init__(self, most: int = MOST_FACTS) -> None:
        self._most = most
        self._kept: OrderedDict[str, Past] = OrderedDict()
        self._facts = 0
        self._lock = Lock()

    def read(self, connection: sa.Connection, case: str, package: Package) -> Past:
        """The case's past as this transaction sees it."""
        with self._lock:
            past = self._taken(case)
        if past is None or past.history.package is not package:
            past = Past(case, History(package))
        new = ledger.since(connection, case, past.seq, past.head)
        if new is None:
            past = Past(case, History(package))
            new = ledger.since(connection, case, past.seq, past.head) or []
        if new:
            past.history.follow(fact for _, _, fact in new)
            past.seq, past.head, _ = new[-1]
        return past

    def keep(self, past: Past) -> None:
        """It is looked at no longer. One that another has read further meanwhile stays."""
        with self._lock:
            other = self._taken(past.case)
            if other is not None and other.seq > past.seq:
                past = other
            self._kept[past.case] = past
            self._facts += past.seq
            while self._facts > self._most:
                self._taken(next(iter(self._kept)))

    def _taken(self, case: str) -> Past | None:
        past = self._kept.pop(case, None)
        if past is not None:
            self._facts -= past.seq
        return past
