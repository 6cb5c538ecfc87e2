"""A command in two statements without a transaction around them: what moved between them is never written over."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
import sqlalchemy as sa

from engine.audit.verify import verify
from engine.commands import AddNote, Command, FinishItem, SuspendCase
from engine.errors import Suspended
from engine.runtime.engine import Engine
from engine.store import partition
from engine.store.raw import Line
from tests import stores
from tests.engine.office_builder import (
    ANNA,
    BEN,
    CHIEF,
    NUMBERED,
    WITHOUT_ACTIONS,
    finish,
    later,
    new_office,
    start,
    trial_files,
)

pytestmark = stores.on_postgresql


@contextmanager
def seen(engine: Engine, between: Callable[[], object] = lambda: None) -> Iterator[list[str]]:
    """The statements this thread sends. Once, before the first that writes outright, `between` is done by somebody else."""
    ours, sent, waiting = threading.get_ident(), [], [between]

    def before(connection: Any, cursor: Any, text: str, *_: Any) -> None:
        if threading.get_ident() == ours:
            sent.append(text.split(None, 1)[0])

    def outright(self: Line, text: str, parameters: Any) -> Any:
        before(None, None, text)
        if threading.get_ident() == ours and sent[-1] == "WITH" and waiting:
            somebody = threading.Thread(target=waiting.pop())
            somebody.start()
            somebody.join()
        return execute(self, text, parameters)

    execute = Line.execute
    sa.event.listen(engine.database.engine, "before_cursor_execute", before)
    try:
        with mock.patch.object(Line, "execute", outright):
            yield sent
    finally:
        sa.event.remove(engine.database.engine, "before_cursor_execute", before)


def test_a_completion_is_two_statements(tmp_path: Path) -> None:
    engine = new_office(tmp_path)
    begun = start(engine)
    with seen(engine) as sent:
        engine.execute(FinishItem(begun.case, next(iter(begun.state.items)), {}), ANNA, "key")
    assert sent == ["SELECT", "WITH"]


@pytest.mark.parametrize("months", [0, 3])
def test_two_at_the_same_case_both_stand_one_after_the_other(tmp_path: Path, months: int) -> None:
    """Also where the table of facts is parted by month and its key alone would let both take one number."""
    engine = new_office(tmp_path)
    if months:
        with engine.database.write() as connection:
            partition.partition(connection, months)
    case = start(engine).case

    def between() -> None:
        later(engine, seconds=1)
        engine.execute(AddNote(case, "现场已看"), BEN, "ben")

    with seen(engine, between) as sent:
        mine = engine.execute(AddNote(case, "资料已齐"), ANNA, "anna")
    assert sent == ["SELECT", "WITH", "BEGIN", "SELECT", "WITH"]
    said = [(e.command, e.seq) for e in engine.facts(case) if e.fact.kind == "NoteAdded"]
    assert [command for command, _ in said] == ["ben", "anna"] and said[1][1] == mine.facts[0].seq
    assert engine.execute(AddNote(case, "资料已齐"), ANNA, "anna").facts == mine.facts
    with engine.read() as connection:
        assert verify(connection, fold=True).ok


@pytest.mark.parametrize("also", [AddNote, FinishItem])
def test_what_was_decided_on_an_older_state_is_decided_anew(tmp_path: Path, also: type[Command]) -> None:
    engine = new_office(tmp_path)
    begun = start(engine)
    item = next(iter(begun.state.items))
    command = (
        FinishItem(begun.case, item, {}) if also is FinishItem else AddNote(begun.case, "现场已看", item)
    )
    before = len(engine.facts(begun.case))
    halt = lambda: engine.execute(SuspendCase(begun.case, "不可抗力"), CHIEF)  # noqa: E731
    with seen(engine, halt):
        if also is FinishItem:
            with pytest.raises(Suspended):
                engine.execute(command, ANNA)
        else:
            engine.execute(command, ANNA)
    kinds = [e.fact.kind for e in engine.facts(begun.case)][before:]
    assert "CaseSuspended" in kinds and ("NoteAdded" in kinds) == (also is AddNote)
    assert "WorkItemCompleted" not in kinds


def test_a_number_is_counted_in_a_transaction(tmp_path: Path) -> None:
    """Also where an automatic step asks for it, whose failures become incidents."""
    engine = new_office(tmp_path)
    engine.publish(trial_files(NUMBERED, WITHOUT_ACTIONS), CHIEF)
    begun = [start(engine), start(engine)]
    with seen(engine) as sent:
        done = [finish(engine, one, "A") for one in begun]
    assert [one.state.root_variables["文号"] for one in done] == ["督1号", "督2号"]
    assert not any(one.state.incidents for one in done)
    assert sent.count("BEGIN") == 2 and sent[0] == "SELECT"
