"""Depth 深度: two thousand rework rounds in one case, on both stores, through the engine with all its duties.

A round is the rectification and the check finished, and round by the loop of the diagram. In every hundredth the check is
returned for rework: a return reads all that has happened in the case (`execution.history`), so what it takes grows with the
case; it is printed and bounded apart. Steps are timed by this process's own time, so that neighbours on the machine do not count.
"""

from __future__ import annotations

import statistics
import time
from pathlib import Path

import pytest

from engine.commands import FinishItem, ReturnItem
from engine.runtime.worker import Worker
from tests import stores
from tests.engine.builders import xml
from tests.engine.office_builder import ANNA, BEN, WITHOUT_ACTIONS, later, new_office, start

pytestmark = [*stores.both, pytest.mark.slow]

ROUNDS = 2_000
WINDOW = 100
MOST = 1.5
"""How much slower the last rounds may be than the first (reliability: depth)."""

RETURNED = 100
"""Every so many rounds the check is returned."""

SLOWEST = 3.0
"""Seconds that a return may take in a case of two thousand rounds [P]."""

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
    X -> A if 轮 < {ROUNDS + WARM - (ROUNDS + WARM) // RETURNED}
    X -> E default
"""


def test_two_thousand_rounds_cost_the_same(
    tmp_path: Path, store: str, capsys: pytest.CaptureFixture[str]
) -> None:
    engine = new_office(tmp_path, files={"process.toml": WITHOUT_ACTIONS.encode(), "trial.bpmn": xml(REWORK)})
    case, worker = start(engine).case, Worker(engine)
    item = next(iter(engine.load(case).items))
    took: list[float] = []
    returned: list[float] = []
    outcome = None
    for round_ in range(1, ROUNDS + WARM + 1):
        begun = time.process_time()
        outcome = engine.execute(FinishItem(case, item, {}), ANNA)
        item = next(iter(outcome.state.items))
        if round_ % RETURNED:
            outcome = engine.execute(FinishItem(case, item, {}), BEN)
            took.append(time.process_time() - begun)
        else:
            outcome = engine.execute(ReturnItem(case, item, "材料不齐"), BEN)
            returned.append(time.process_time() - begun)
        item = next(iter(outcome.state.items), 0)
        if round_ % 50 == 0:  # the clock at the task's corner fires, too
            later(engine, hours=3)
            worker.step()
    assert outcome is not None and outcome.state.ended, "the loop of the diagram has come to its end"
    first, last = (statistics.median(part) for part in (took[WARM : WARM + WINDOW], took[-WINDOW:]))
    assert max(took[WARM:]) < 1.0, "a round stalled"
    facts = len(engine.facts(case))
    with capsys.disabled():
        print(  # noqa: T201 — the figures of the run
            f"\n{store}: {ROUNDS:,} rounds, {facts:,} facts, {sum(took):.1f} s; a round {first * 1000:.2f} ms at first,"
            f" {last * 1000:.2f} ms at last ({last / first:.2f} ×); a return {returned[0] * 1000:.0f} ms at first,"
            f" {returned[-1] * 1000:.0f} ms at last"
        )
    assert last / first <= MOST
    assert max(returned) < SLOWEST
    assert facts > ROUNDS * 10
