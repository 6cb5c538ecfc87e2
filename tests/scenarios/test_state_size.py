"""How large a case of the main process is while it runs: its marking, and with what people have filled in."""

from __future__ import annotations

import statistics
from pathlib import Path

import pytest

from engine.commands import Actor, Command
from engine.execution.state import State
from engine.runtime.scenario import book_of_folder, scenario_calendar
from engine.runtime.scenario_stage import Stage
from engine.values import dumps

PROCESSES = Path(__file__).parents[2] / "processes"
MARKING, WHOLE = 3_000, 8_000  # bytes, at the median of all commands of all scenarios


class Weighed(Stage):
    """A scenario acted out, the state weighed after every command."""

    sizes: list[tuple[int, int]]

    def execute(self, command: Command, actor: Actor) -> None:
        super().execute(command, actor)
        self.sizes.append(weigh(self.state))


def weigh(state: State) -> tuple[int, int]:
    """Bytes of the snapshot without variables, and in all."""
    whole = len(dumps(state.to_data()))
    filled_in = [i.variables for i in state.instances.values() if i.variables] + list(state.strands.values())
    return whole - sum(len(dumps(values)) for values in filled_in), whole


@pytest.mark.slow
def test_a_case_stays_small() -> None:
    book = book_of_folder(PROCESSES / "major_hazard_supervision")
    sizes: list[tuple[int, int]] = []
    for scenario in book.scenarios:
        stage = Weighed(
            scenario, book.package, book.directory, scenario_calendar(scenario), book.defaults, "直接"
        )
        stage.sizes = sizes
        stage.play(lambda _: None)
        assert not stage.failures
    marking, whole = (statistics.median(column) for column in zip(*sizes, strict=True))
    said = (
        f"median of {len(sizes)} commands: marking {marking:.0f} bytes, whole {whole:.0f}; most {max(sizes)}"
    )
    assert marking <= MARKING and whole <= WHOLE, said
