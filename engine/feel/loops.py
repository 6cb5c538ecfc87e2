"""Compiled loops: `for`, `some`, `every` over lists, ranges and days, charged round by round."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any

from engine.feel import semantics as s
from engine.feel.budget import LIST_LIMIT, Run
from engine.feel.numbers import whole
from engine.feel.scope import Code, Env
from engine.values import Range


def count_up(first: Any, last: Any, run: Run) -> list[Any] | None:
    """What `first..last` runs through, up or down: whole numbers, or days."""
    if type(first) is date and type(last) is date:
        ordinals = count_up(first.toordinal(), last.toordinal(), run)
        return None if ordinals is None else [date.fromordinal(o) for o in ordinals]
    low = whole(first) if s.kind(first) == "number" else None
    high = whole(last) if s.kind(last) == "number" else None
    if low is None or high is None:
        return None
    run.entries(abs(high - low) + 1)
    return list(range(low, high + 1)) if low <= high else list(range(low, high - 1, -1))


def count_through(range_: Range, run: Run) -> list[Any] | None:
    """What a range as a value runs through: whole numbers or days, an open end left out."""
    found = count_up(range_.low, range_.high, run)
    if found is None:
        return None
    first = 0 if range_.low_closed else 1
    return found[first : len(found) if range_.high_closed else len(found) - 1]


LOOP_STEPS = 4
"""Steps that beginning an inner loop counts as: about the time of so many nodes, also where it has nothing to go over."""


def _rows(sources: list[tuple[str, Callable[[Env], list[Any] | None]]], env: Env) -> Any:
    """Every combination of the sources as a dict; a later source may read the names before it."""
    if len(sources) == 1:
        name, source = sources[0]
        items = source(env)
        return None if items is None else ({name: item} for item in items)
    return _combined(sources, env, {})


def _combined(sources: Any, env: Env, before: dict[str, Any]) -> Any:
    (name, source), rest = sources[0], sources[1:]
    items = source(Env(before, env, env.run))
    if items is None:
        return None
    return _walk(name, items, rest, env, before)


def _walk(name: str, items: list[Any], rest: Any, env: Env, before: dict[str, Any]) -> Any:
    for item in items:
        env.run.charge(LOOP_STEPS if rest else 1)
        row = {**before, name: item}
        if not rest:
            yield row
        else:
            yield from _combined(rest, env, row) or ()


def loop_over(sources: Any, body: Code, size: int, reads_partial: bool) -> Code:
    """`for … return body`: the list of the body's values; null where a source gives nothing to go over."""

    def loop(env: Env) -> list[Any] | None:
        rows = _rows(sources, env)
        if rows is None:
            return None
        run = env.run
        made: list[Any] = []
        for row in rows:
            run.charge(size)
            if reads_partial and "partial" not in row:
                run.charge(len(made) >> 3)
                row["partial"] = made.copy()
            made.append(body(Env(row, env, run)))
            if len(made) > LIST_LIMIT:
                run.entries(len(made))
        return made

    return loop


def quantified(sources: Any, body: Code, size: int, wanted: bool) -> Code:
    """`some` (`wanted` true) or `every` (false) `… satisfies body`, in three-valued logic."""

    def decide(env: Env) -> bool | None:
        rows = _rows(sources, env)
        if rows is None:
            return None
        run = env.run
        unknown = False
        for row in rows:
            run.charge(size)
            answer = body(Env(row, env, run))
            if answer is wanted:
                return bool(wanted)
            unknown = unknown or not isinstance(answer, bool)
        return None if unknown else not wanted

    return decide
