"""What a process keeps of the cases gone back in: whatever happened elsewhere meanwhile, it is as if read anew."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.audit import ledger
from engine.commands import AddNote, FinishItem, ReturnItem, WithdrawItem
from engine.errors import EngineError
from engine.execution.history import History
from engine.runtime.engine import Engine
from engine.runtime.pasts import Pasts
from tests import stores
from tests.engine.histories import told
from tests.engine.office_builder import (
    ANNA,
    BEN,
    CHIEF,
    WITHOUT_ACTIONS,
    finish,
    new_office,
    open_engine,
    start,
    trial_files,
)

pytestmark = stores.both

REWORK = """
process trial name=试办
    start S
    script P name=登记要素 do="{案名: p.name, 企业: p.party, 期限: date(p.limit), 轮: 0}"
    user A name=整改 groups=DB status=整改中
    user M name=会签 groups=DB each=[1,2] as=n
    user B name=复查 groups=DB
    end E
    S -> P -> A -> M -> B -> E
"""


@pytest.fixture
def engine(tmp_path: Path) -> Engine:
    return new_office(tmp_path, files=trial_files(REWORK, WITHOUT_ACTIONS))


def through(engine: Engine, case: str, *elements: str) -> None:
    for element in elements:
        state = engine.load(case)
        item = next(i.id for i in state.items.values() if i.element == element)
        engine.execute(FinishItem(case, item, {}), ANNA)


def back(engine: Engine, case: str, to: str) -> None:
    """The only open item is returned; what is kept then is what one reads anew."""
    (item,) = engine.load(case).items
    engine.execute(ReturnItem(case, item, "材料不齐", to), BEN)
    holds(engine, case)


def holds(engine: Engine, case: str) -> None:
    package = engine.package_of(case)
    anew = History(package, [entry.fact for entry in engine.facts(case)])
    with engine.read() as connection:
        past = engine.pasts.read(connection, case, package)
    engine.pasts.keep(past)
    assert told(past.history) == told(anew)
    assert past.history.fits(engine.load(case))


def test_who_asks_again_reads_what_has_happened_since(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    case, read = start(engine).case, []
    since = ledger.since

    def counted(*asked: object) -> object:
        found = since(*asked)  # type: ignore[arg-type]  # as it was asked
        read.append(None if found is None else len(found))
        return found

    for _ in range(10):
        through(engine, case, "A", "M", "M")
        (item,) = engine.load(case).items
        with monkeypatch.context() as looking:
            looking.setattr(ledger, "since", counted)
            engine.execute(ReturnItem(case, item, "材料不齐", "A"), BEN)
    assert len(read) == 10 and len(set(read[1:])) == 1, f"as many each time: {read}"
    assert read[1] < 60 < len(engine.facts(case))
    holds(engine, case)


def test_machines_that_take_turns_at_a_case(engine: Engine, tmp_path: Path) -> None:
    other = open_engine(tmp_path, engine.clock)
    case = start(engine).case
    for one, two in ((engine, other), (other, engine), (engine, other)):
        through(one, case, "A", "M", "M")
        back(two, case, "M")
        through(two, case, "M")
        done = [e.fact.id for e in two.facts(case) if e.fact.kind == "WorkItemCompleted"]  # type: ignore[attr-defined]
        two.execute(WithdrawItem(case, done[-1], "写错了"), ANNA)
        holds(one, case)
        through(two, case, "M", "M")
        back(one, case, "A")


def test_what_was_rolled_back_has_never_been(engine: Engine) -> None:
    """A case goes back in a transaction that fails later, and what was read in it held facts of that transaction."""
    case, like = start(engine).case, start(engine).case
    through(engine, like, "A", "M", "M")
    steps = [e.fact.id for e in engine.facts(like) if e.fact.kind == "WorkItemCompleted"]  # type: ignore[attr-defined]
    (last,) = engine.load(like).items  # ids are counted in each case alike
    asked = [(FinishItem(case, item, {}), f"done-{item}") for item in steps]
    wrong = [*asked, (ReturnItem(case, last, "材料不齐", "A"), "back"), (FinishItem(case, last, {}), "again")]
    with pytest.raises(EngineError):
        engine.do_all(wrong, ANNA, package="trial")
    kept = engine.pasts._kept[case]
    assert kept.seq > len(engine.facts(case)), "it holds of what has never been"
    through(engine, case, "A", "M", "M")
    for n in range(3):  # until the case has as many facts as that
        engine.execute(AddNote(case, f"第{n}次说明"), BEN)
    back(engine, case, "A")


def test_a_refused_return_leaves_nothing_behind(engine: Engine) -> None:
    case = start(engine).case
    through(engine, case, "A", "M", "M")
    (item,) = engine.load(case).items
    for wrong in (ReturnItem(case, item, "材料不齐", "E"), ReturnItem(case, item, "", "A")):
        with pytest.raises(EngineError):
            engine.execute(wrong, BEN)
        holds(engine, case)
    done = [e.fact.id for e in engine.facts(case) if e.fact.kind == "WorkItemCompleted"]  # type: ignore[attr-defined]
    with pytest.raises(EngineError, match="只有本人可以撤回"):
        engine.execute(WithdrawItem(case, done[-1], "写错了"), CHIEF)
    holds(engine, case)
    back(engine, case, "A")


def test_what_one_looks_at_is_nobody_elses(engine: Engine) -> None:
    case = start(engine).case
    package = engine.package_of(case)
    with engine.read() as connection:
        mine, theirs = (engine.pasts.read(connection, case, package) for _ in range(2))
    assert mine.history is not theirs.history and told(mine.history) == told(theirs.history)
    finish(engine, engine.execute(AddNote(case, "现场已看"), BEN), "A")
    with engine.read() as connection:
        newer = engine.pasts.read(connection, case, package)
    for past in (newer, mine, theirs):
        engine.pasts.keep(past)
    assert engine.pasts._kept[case] is newer, "who looked earlier does not put back what has moved on"


def test_only_so_much_is_kept(engine: Engine) -> None:
    cases = [start(engine).case for _ in range(4)]
    long = len(engine.facts(cases[0]))
    pasts = Pasts(most=2 * long)
    with engine.read() as connection:
        for case in (*cases, cases[2]):
            pasts.keep(pasts.read(connection, case, engine.package_of(case)))
    assert list(pasts._kept) == [cases[3], cases[2]] and pasts._facts == 2 * long
    with engine.read() as connection:
        small = Pasts(most=long - 1)
        small.keep(small.read(connection, cases[0], engine.package_of(cases[0])))
    assert not small._kept and small._facts == 0
