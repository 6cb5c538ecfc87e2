"""下一步: what follows a step and who would get it, told without doing anything."""

from __future__ import annotations

from pathlib import Path

from engine.commands import Actor, FinishItem
from engine.errors import NotAllowed
from engine.handlers.ahead import Next, ahead
from engine.handlers.setting import Setting
from engine.handlers.work import Work
from engine.runtime.engine import Engine
from tests.engine.office_builder import ANNA, BEN, WITHOUT_ACTIONS, new_office, start, trial_files

NESTED = """
process trial name=嵌套
    start S
    user A name=初核 groups=DB
    sub U name=整改验收
        start U1
        user B name=整改 groups=DB
        end U2
        U1 -> B -> U2
    catch W name=等一个月 duration=P30D
    end E name=已办结
    S -> A -> U -> W -> E
"""


def seen_from(engine: Engine, case: str, element: str) -> dict[str, Next]:
    def no_number(series: str, year: int) -> int:
        raise NotAllowed("查看时不能编号。")

    state = engine.load(case)
    before = len(engine.facts(case))
    setting = Setting(
        engine.package_of(case),
        engine.directory(),
        engine.moment(),
        ANNA,
        case,
        no_number,
        related=lambda _: [],
    )
    item = next(i for i in state.items.values() if i.element == element)
    found = {n.element: n for n in ahead(item, Work(state, setting))}
    assert len(engine.facts(case)) == before
    return found


def finish(engine: Engine, case: str, element: str, actor: Actor) -> None:
    item = next(i.id for i in engine.load(case).items.values() if i.element == element)
    engine.execute(FinishItem(case, item, {}, ()), actor)


def test_the_next_step_is_told_with_the_unit_that_routing_would_choose(tmp_path: Path) -> None:
    engine = new_office(tmp_path)
    case = start(engine).case
    assert seen_from(engine, case, "A") == {
        "G": Next("step", "G", "复核", "能源局", "督办部门承办人"),
    }


def test_what_a_gateway_decides_is_not_foreseen_and_what_waits_for_others_says_so(tmp_path: Path) -> None:
    engine = new_office(tmp_path)
    case = start(engine).case
    finish(engine, case, "A", ANNA)
    found = seen_from(engine, case, "G")
    assert found["B"] == Next("step", "B", "会签", "", "督办部门承办人", each=True)
    assert (found["D"].certain, found["D"].waits, found["D"].unit) == (False, True, "安委办")
    assert (found["A"].certain, found["A"].unit) == (False, "能源局")
    assert list(found)[0] == "B"
    finish(engine, case, "G", BEN)
    inside = seen_from(engine, case, "B")  # one of several: the others have to be done first
    assert set(inside) == {"A", "D"}
    assert all(n.waits and not n.certain for n in inside.values())


def test_subprocesses_are_looked_into_and_out_of(tmp_path: Path) -> None:
    engine = new_office(tmp_path, files=trial_files(NESTED, WITHOUT_ACTIONS))
    case = start(engine).case
    assert seen_from(engine, case, "A")["B"].unit == "能源局"
    finish(engine, case, "A", ANNA)
    assert seen_from(engine, case, "B") == {"W": Next("wait", "W", "等一个月")}
