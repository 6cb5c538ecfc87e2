"""Depth 深度: two thousand rework rounds in one case, on both stores, through the engine with all its duties.

A round is the rectification finished and the check returned for rework (every tenth: finished, and round by the loop of the
diagram). The last rounds are played in turns with the first ones of another case, so that both meet the same machine. A process that
has not seen the case reads all of it for its first return (`runtime.pasts`): that is printed and bounded apart.
"""

from __future__ import annotations

import statistics
import time
from pathlib import Path

import pytest

from engine.commands import FinishItem, ReturnItem
from engine.runtime.engine import Engine
from engine.runtime.pasts import Pasts
from engine.runtime.worker import Worker
from tests import stores
from tests.engine.builders import xml
from tests.engine.office_builder import ANNA, BEN, WITHOUT_ACTIONS, later, new_office, start

pytestmark = [*stores.both, pytest.mark.slow]

ROUNDS = 2_000
WINDOW = 200
MOST = 1.2
"""How much slower the last rounds may be than the first (reliability: depth)."""

FINISHED = 10
"""Every so many rounds the check is finished."""

FIRST = 1.5
"""Seconds that the first return in a process may take in a case of two thousand rounds [P]."""

WARM = 20
"""Rounds before the first ones count: statements are compiled, caches filled."""

REWORK = f"""
process trial name=试办
    start S
    script P name=登记要素 do="{{案名: p.name, 企业: p.party, 期限: date(p.limit), 轮: 0}}"
    user A name=整改 groups=DB due=workdays(now(),3) status=整改中
    boundary A1 name=催办 on=A interrupting=false duration=PT2H
    service A2 topic=notice.send "in:title=\\"催办\\"" "in:unit=\\"能源局\\"" "in:role=\\"DB\\""
    end A3
    A1 -> A2 -> A3
    user B name=复查 groups=DB returnTo=A
    script L name=计轮 do=轮+1 result=轮
    xor X name=够了吗
    end E name=已归档
    S -> P -> A -> B -> L -> X
    X -> A if 轮 < {ROUNDS // FINISHED}
    X -> E default
"""


class Rework:
    """One case, round after round."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.case = start(engine).case
        self.state = engine.load(self.case)
        self.rounds = 0

    def round(self) -> tuple[bool, float]:
        """Whether the check was returned, and this process's own seconds for it all."""
        self.rounds += 1
        back = self.rounds % FINISHED != 0
        begun = time.process_time()
        self.state = self.engine.execute(FinishItem(self.case, self._item(), {}), ANNA).state
        check = (
            ReturnItem(self.case, self._item(), "材料不齐")
            if back
            else FinishItem(self.case, self._item(), {})
        )
        self.state = self.engine.execute(check, BEN).state
        return back, time.process_time() - begun

    def _item(self) -> int:
        return next(iter(self.state.items))


def test_two_thousand_rounds_cost_the_same(
    tmp_path: Path, store: str, capsys: pytest.CaptureFixture[str]
) -> None:
    engine = new_office(tmp_path, files={"process.toml": WITHOUT_ACTIONS.encode(), "trial.bpmn": xml(REWORK)})
    deep, young, worker = Rework(engine), Rework(engine), Worker(engine)

    def go_on(one: Rework, rounds: int) -> None:
        for n in range(rounds):
            one.round()
            if n % 50 == 0:  # the clock at the task's corner fires, too
                later(engine, hours=3)
                worker.step()

    go_on(deep, ROUNDS - WINDOW - WARM)
    engine.pasts = Pasts()  # as in a process that has just begun
    back, first_sight = deep.round()
    assert back
    go_on(deep, WARM - 1)
    go_on(young, WARM)
    took: dict[tuple[bool, Rework], list[float]] = {}
    for _ in range(WINDOW):
        for one in (deep, young):
            back, seconds = one.round()
            took.setdefault((back, one), []).append(seconds)
    assert deep.rounds == ROUNDS and deep.state.ended, "the loop of the diagram has come to its end"
    facts = len(engine.facts(deep.case))
    grown = {}
    with capsys.disabled():
        print(f"\n{store}: {ROUNDS:,} rounds, {facts:,} facts")  # noqa: T201 — the figures of the run
        for back, how in ((True, "returned"), (False, "finished")):
            first, last = (statistics.median(took[back, one]) * 1000 for one in (young, deep))
            grown[how] = last / first
            print(f"  {how}: {first:.2f} ms at first, {last:.2f} ms at last ({grown[how]:.2f} ×)")  # noqa: T201
        print(f"  the first return in a process: {first_sight * 1000:.0f} ms")  # noqa: T201
    assert max(grown.values()) <= MOST
    assert max(map(max, took.values())) < 1.0, "a round stalled"
    assert first_sight < FIRST
    assert facts > ROUNDS * 10
