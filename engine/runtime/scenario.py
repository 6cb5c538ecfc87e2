"""Running scenarios 情景: what a process promises, acted out in memory on the real handlers and a virtual clock.

Every scenario is run three ways: plainly; with the state restored from its snapshot's bytes between every step; and
with the state folded anew from the facts' bytes between every step. The facts of the three must be the same, and
the plain run's state must equal the fold of its facts. A fourth time SpiffWorkflow follows the plain run's facts and
must offer the same work after every command 两机对照, as far as it is right about what is drawn.
"""

from __future__ import annotations

import contextlib
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from engine import facts as fact_kinds
from engine.calendar import WorkCalendar, seed_days
from engine.clock import SHANGHAI
from engine.definitions.compile import compile_package, load_folder
from engine.definitions.model import Package
from engine.directory import Directory, from_data
from engine.errors import DefinitionRefused
from engine.execution.state import State, fold
from engine.runtime.scenario_file import DEFAULTS, Scenario, read_defaults, read_scenario
from engine.runtime.scenario_stage import Failure, Line, Stage, Stopped, through_bytes
from engine.values import dumps, loads

DIRECTORY = "demo_directory.toml"
"""Units and people of the scenarios, beside the packages."""

SCENARIOS = "scenarios/"


@dataclass(slots=True)
class Report:
    """How a scenario went."""

    file: str
    title: str
    failures: list[Failure] = field(default_factory=list)
    timeline: list[Line] = field(default_factory=list)
    steps: int = 0
    commands: int = 0
    compared: int = 0  # commands after which the second engine offered the same work
    ended: str = ""  # why the comparison ended before the case, "" where it did not

    @property
    def passed(self) -> bool:
        return not self.failures


def run(
    scenario: Scenario, package: Package, directory: Directory, defaults: Mapping[str, Mapping[str, Any]]
) -> Report:
    """Run a scenario all three ways."""
    report = Report(scenario.file, scenario.title, steps=len(scenario.steps))
    calendar = scenario_calendar(scenario)
    histories: dict[str, list[dict[str, Any]]] = {}
    for way, between in (("直接", _leave), ("快照", _restore), ("重放", _replay)):
        stage = Stage(scenario, package, directory, calendar, defaults, way)
        with contextlib.suppress(Stopped):
            stage.play(between)
        report.failures += stage.failures
        histories[way] = [fact_kinds.to_data(fact) for fact in stage.facts]
        if way == "直接":
            report.timeline = stage.timeline
            if fold(through_bytes(stage.facts)) != stage.state:
                report.failures.append(Failure(way, 0, "由事实重放得到同一状态", "状态不同"))
            _compare(report, stage)
        elif histories[way] != histories["直接"]:
            at = _first_difference(histories["直接"], histories[way])
            report.failures.append(Failure(way, 0, "与直接运行的事实完全相同", f"第 {at} 条事实起不同"))
    return report


def _compare(report: Report, stage: Stage) -> None:
    """Let the second engine follow the plain run."""
    from engine.definitions.second_engine.following import (
        SecondEngine,
    )  # SpiffWorkflow, which running cases do not need

    second = SecondEngine(stage.package)
    for moment, facts in stage.commands:
        difference = second.follow(facts, moment)
        if difference:
            report.failures.append(Failure("两机", 0, "第二引擎开出同样的待办", difference))
            return
        if second.ended:
            break
    report.commands, report.compared, report.ended = len(stage.commands), second.compared, second.ended


def scenario_calendar(scenario: Scenario) -> WorkCalendar:
    """The seeded calendar around the scenario's time; `years` adds years taken as the library guesses them."""
    year = scenario.now.astimezone(SHANGHAI).year
    rows, confirmed = seed_days({*range(year - 2, year + 3), *scenario.years})
    return WorkCalendar(
        holidays=frozenset(r.day for r in rows if not r.working),
        makeup=frozenset(r.day for r in rows if r.working),
        confirmed_years=frozenset({*confirmed, *scenario.years}),
        version="scenario",
    )


# -- the three ways ------------------------------------------------------------------------------------


def _leave(stage: Stage) -> None:
    """Plainly: the state goes on as it is."""


def _restore(stage: Stage) -> None:
    """From the snapshot's bytes."""
    stage.state = State.from_data(loads(dumps(stage.state.to_data())))


def _replay(stage: Stage) -> None:
    """From the facts' bytes."""
    stage.state = fold(through_bytes(stage.facts))


def _first_difference(a: list[dict[str, Any]], b: list[dict[str, Any]]) -> int:
    return next((n for n, (x, y) in enumerate(zip(a, b, strict=False), 1) if x != y), min(len(a), len(b)) + 1)


# -- all that a package promises -------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Book:
    """情景集: a package's scenarios with what they are acted with. They are part of the package's version."""

    package: Package
    directory: Directory
    defaults: Mapping[str, Mapping[str, Any]]
    scenarios: tuple[Scenario, ...]

    def run(self, only: str = "") -> list[Report]:
        """Run the scenarios whose file's name contains `only`."""
        return [
            run(scenario, self.package, self.directory, self.defaults)
            for scenario in self.scenarios
            if only in scenario.file
        ]


def book_of(files: Mapping[str, bytes], directory: Directory) -> Book:
    """The book of a package's files. Raises `DefinitionRefused` when the package does not compile, `InputInvalid` for a
    scenario that cannot be read."""
    package, findings = compile_package(files)
    if package is None:
        raise DefinitionRefused(findings=findings)
    defaults = f"{SCENARIOS}{DEFAULTS}"
    return Book(
        package,
        directory,
        read_defaults(files[defaults]) if defaults in files else {},
        tuple(
            read_scenario(files[path], path.removeprefix(SCENARIOS), package.key)
            for path in sorted(files)
            if path.startswith(SCENARIOS) and path != defaults
        ),
    )


def book_of_folder(package_folder: Path) -> Book:
    """The book of `processes/<key>` with `forms/<key>`, acted by the demo directory beside the packages."""
    files = load_folder(package_folder, package_folder.parent.parent / "forms" / package_folder.name)
    beside = package_folder.parent / DIRECTORY
    return book_of(files, from_data(tomllib.loads(beside.read_text(encoding="utf-8"))))


def run_folder(package_folder: Path, *, only: str = "") -> list[Report]:
    """All scenarios of a package's folder; see `book_of_folder`."""
    return book_of_folder(package_folder).run(only)
