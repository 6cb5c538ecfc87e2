"""What is undone, and in which order, derived a second time: from the facts of what was entered and completed alone.

Random processes of work that can be undone, in sequence, in parallel, in rounds, in subprocesses and calls, are worked off
in random order; at their end everything is undone. Whoever reads the facts can tell beforehand which compensation activities
come, one after the other (BPMN 2.0.2, 13.5.5): on every level the latest completed first, each once.
"""

from __future__ import annotations

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine import facts as f
from engine.definitions.model import Kind, Trigger
from tests.engine.builders import Play, diagram
from tests.properties.test_kernel_random import Block, Writer, one_step


def blocks() -> st.SearchStrategy[Block]:
    leaf = st.builds(
        Block, st.sampled_from(("undoable", "undoable", "user", "script")), st.just([]), st.integers(0, 3)
    )
    kinds = st.sampled_from(("seq", "and", "xor", "sub", "call", "again", "each", "saga"))
    return st.recursive(
        leaf,
        lambda inner: st.builds(Block, kinds, st.lists(inner, min_size=1, max_size=3), st.integers(0, 3)),
        max_leaves=9,
    )


class Foretold:
    """The compensation activities and event subprocesses that come, read off the facts before the first is entered."""

    def __init__(self, play: Play) -> None:
        self.package = play.package
        self.entered = {fact.id: fact for fact in play.facts if isinstance(fact, f.ElementEntered)}
        done = [fact.id for fact in play.facts if isinstance(fact, f.ElementCompleted)]
        self.inside: dict[int, list[int]] = {}
        for id in done:
            self.inside.setdefault(self.entered[id].scope, []).append(id)

    def level(self, scope: int) -> list[str]:
        """All that completed on a level, the latest first."""
        return [name for id in reversed(self.inside.get(scope, [])) for name in self.one(id)]

    def one(self, id: int) -> list[str]:
        fact = self.entered[id]
        process = self.package.processes[fact.process]
        element = process.elements[fact.element]
        if fact.body:
            return self.level(id)
        if element.handler:
            return [element.handler]
        around = self.package.processes[element.called] if element.kind is Kind.CALL else process
        own = around.compensation if element.kind is Kind.CALL else element.compensation
        if not own:
            return self.level(id)
        asks = any(
            one.scope == own and one.kind is Kind.END and one.events[0].trigger is Trigger.COMPENSATION
            for one in process.elements.values()
        )
        return [own, *(self.level(id) if asks else [])]


@settings(
    max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)
@given(block=blocks(), draw=st.data())
def test_everything_is_undone_in_the_order_the_facts_foretell(block: Block, draw: st.DataObject) -> None:
    drawn = Writer().process(Block("seq", [block, Block("user")]))
    last = drawn.splitlines()[2].split()[-1]  # the end event of the main process
    play = Play(diagram(drawn.replace(f"  end {last}\n", f"  end {last} compensate\n", 1)))
    undone: list[str] = []
    told: list[str] | None = None
    for _ in range(600):
        before = len(play.facts)
        one_step(play, draw)
        new = play.facts[before:]
        if told is None and any(isinstance(x, f.CompensationThrown) for x in new):
            at = next(n for n, x in enumerate(new) if isinstance(x, f.CompensationThrown))
            past = Play.__new__(Play)
            past.package, past.facts = play.package, play.facts[: before + at]
            told = Foretold(past).level(1)
        undone += [x.handler for x in new if isinstance(x, f.CompensationBegan) and x.handler]
        if play.state.ended:
            break
    assert play.state.ended == "completed"
    assert undone == told, drawn
