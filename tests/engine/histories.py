"""Histories compared 经过的比较: one that went along with a case, one read anew, and what a look at every execution says."""

from __future__ import annotations

from typing import Any

from engine.execution.history import Execution, History, Token, counts
from tests.engine.builders import Play


class Kept:
    """A history that goes along with a play."""

    def __init__(self, play: Play, *, proves: bool) -> None:
        self.play = play
        self.proves = proves
        self.read = 0
        self.history = History(play.package)

    def now(self) -> History:
        self.history.follow(self.play.facts[self.read :])
        self.read = len(self.play.facts)
        if self.proves:
            self._prove()
        return self.history

    def _prove(self) -> None:
        anew = History(self.play.package, self.play.facts)
        assert told(self.history) == told(anew)
        for id in self.play.state.instances:
            here = self.history.executions[id]
            assert self.history.past(here) == latest(self.history, here)
            assert {place: one.id for place, one in anew.past(anew.executions[id]).items()} == {
                place: one.id for place, one in self.history.past(here).items()
            }
        for one in self.history.executions.values():
            if counts(one):
                assert [x.id for x in self.history.recall(one).undone] == came_of(self.history, one)


def told(history: History) -> Any:
    """All that a history has learned, without what it wrote down when it was asked."""
    parts = {name: value for name, value in vars(history).items() if name not in ("package", "whole")}
    return [_told(parts), history.whole.to_data(), history.whole.causes, history.whole.strands]


def _told(value: Any) -> Any:
    if isinstance(value, Execution | Token):
        names = [name for name in value.__slots__ if name != "past"]
        return [_told(getattr(value, name)) for name in names]
    if isinstance(value, dict):
        return [(key, _told(inner)) for key, inner in value.items()]
    return [_told(inner) for inner in value] if isinstance(value, list | tuple) else value


def latest(history: History, here: Execution) -> dict[tuple[int, str], Execution]:
    """What `History.past` says, by a walk to the very beginning."""
    before: set[int] = set()
    stack = [here]
    while stack:
        at = stack.pop()
        for id in (*(token.by for token in at.took), *at.after, *((at.scope,) if at.scope else ())):
            if id not in before:
                before.add(id)
                stack.append(history.executions[id])
    found = [one for one in map(history.executions.__getitem__, before) if counts(one)]
    return {(one.scope, one.element): one for one in sorted(found, key=lambda one: one.ended)}


def came_of(history: History, first: Execution) -> list[int]:
    """What `History.recall` undoes, by a look at every execution."""
    sources = {first.id, *(one.id for one in history.around(first) if not one.live)}
    gone: list[int] = []
    for one in history.executions.values():
        led = {*(token.by for token in one.took), *one.after} & {*gone, *sources}
        if not one.undone and one.id not in sources and (one.scope in (*gone, first.id) or led):
            gone.append(one.id)
    return gone
