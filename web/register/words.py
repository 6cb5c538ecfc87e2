"""Words looked for in the register 查找: in a case's title, number and party, as they are written.

Words that many cases have are soon found among the newest ones somebody sees; words that few have, or none, are found by the pairs of
signs they are made of (PostgreSQL), or by reading a narrow table through (SQLite, and a single sign). So neither reads the cases
themselves one after the other.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from engine.store import tables as t

LOOKED_THROUGH = 1000
"""The newest cases that are looked at before the index is asked [P]: what is not there often enough for a page is rare enough for it."""

_k, _w = t.cases, t.case_words


def pattern(words: str) -> str:
    """The pattern of LIKE that finds the words as they are."""
    return "%" + words.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") + "%"


def stand_in(words: str) -> sa.ColumnElement[bool]:
    """The condition on `cases` rows that these words stand in one of the columns."""
    found = pattern(words)
    return sa.or_(*(c.like(found, escape="\\") for c in (_k.c.title, _k.c.number, _k.c.party)))


def holding(c: sa.Connection, words: str) -> sa.Select[Any]:
    """The ids of all cases in which these words stand. Gathered by themselves first: whoever joins them with other conditions would
    otherwise have the database guess which is rarer, and words nobody wrote would be looked for in every case."""
    found = sa.select(_w.c.case).where(_w.c.words.like(pattern(words), escape="\\"))
    pairs = [words[n : n + 2] for n in range(len(words) - 1)]
    if pairs and c.dialect.name == "postgresql":
        found = found.where(t.pairs_of.contains(pairs))
    return sa.select(found.cte("holding").prefix_with("MATERIALIZED").c.case)
