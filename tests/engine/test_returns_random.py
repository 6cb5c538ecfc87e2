"""Random work with returns and withdrawals 退回与撤回 on random drawings: the case can always be finished, in which no token is
lost and none is left over; and the facts fold to the state at every step (`Play` sees to that). A history that follows the case
and is asked all the time is the same as one read anew, and answers what a look at every execution of the case would."""

from __future__ import annotations

import random
from collections import Counter

import pytest

from engine import commands as c
from engine import facts as f
from engine.errors import EngineError
from engine.execution.moving import taking_back, ways_back
from tests.engine.builders import Play, diagram
from tests.engine.histories import Kept
from tests.faults.simulation.drawing import Drawing

STEPS = 30
TO_THE_END = 400


def finish_something(play: Play, chance: random.Random, answer: int) -> bool:
    """Do one thing that is open."""
    state = play.state
    items, jobs = list(state.items.values()), list(state.jobs.values())
    if items or jobs:
        play.complete(chance.choice([*items, *jobs]).element, x=answer)
        return True
    caught = [s.name for s in state.subscriptions.values() if s.element.startswith("C")]
    if caught:
        play.message(caught[0])
        return True
    return False


def go_back(play: Play, chance: random.Random, kept: Kept) -> str:
    """Return an open item to anywhere it may go, or take back anything that was finished."""
    history = kept.now()
    if play.state.items and chance.random() < 0.6:
        item = chance.choice(list(play.state.items))
        ways = ways_back(history, play.state, item)
        if not ways:
            return ""
        play.do(c.MoveItem(item, chance.choice(ways).to, "p", "u", "重办"))
        return "returned"
    done = [x.id for x in play.facts if isinstance(x, f.WorkItemCompleted)]
    if not done:
        return ""
    item = chance.choice(done)
    try:
        taking_back(history, play.state, item)
    except EngineError as refusal:
        assert any("一" <= ch <= "鿿" for ch in refusal.message)
        return ""
    play.do(c.TakeBack(item, "p", "u", "写错了"))
    assert any(i.element == history.executions[item].element for i in play.state.items.values())
    return "taken back"


@pytest.mark.parametrize("part", range(4))
def test_a_case_that_goes_back_can_always_be_finished(part: int) -> None:
    happened: Counter[str] = Counter()
    for seed in range(part * 50, part * 50 + 50):
        chance = random.Random(seed)
        play = Play(diagram(Drawing(seed).text), start="S")
        kept = Kept(play, proves=seed % 4 == 0)
        for _ in range(STEPS):
            if play.state.ended:
                break
            if chance.random() < 0.4:
                happened[go_back(play, chance, kept)] += 1
            elif chance.random() < 0.15 or not finish_something(play, chance, chance.randrange(3)):
                play.wait(minutes=chance.choice((30, 60, 200)))
        for _ in range(TO_THE_END):
            if play.state.ended:
                break
            if not finish_something(play, chance, 0):
                play.wait(days=1)
        assert play.state.ended == "completed", f"drawing {seed} cannot be finished: {play.open}"
        happened["finished"] += 1
    assert happened["returned"] > 20 and happened["taken back"] > 15, happened
