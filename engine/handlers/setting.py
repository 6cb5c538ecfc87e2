"""What a decision is made in 办理环境: the package, the directory, the moment, who asks, and the few ports to outside.

Handlers read nothing else, so the same command in the same setting gives the same facts on any machine.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from engine.calendar import Moment
from engine.commands import Actor
from engine.definitions.model import Package
from engine.directory import Directory
from engine.execution.history import History
from engine.execution.state import State
from engine.values import Value


@dataclass(frozen=True, slots=True)
class FileInfo:
    """An uploaded file, not its bytes. `case` is "" until it is attached; `digest` is SHA-256 of the bytes."""

    id: str
    name: str
    media_type: str
    size: int
    digest: str
    case: str = ""
    uploaded_by: str = ""


@dataclass(frozen=True, slots=True)
class OtherCase:
    """Another case, as far as this one has to know: where it stands (as in the register), its process and its enterprise."""

    id: str
    number: str
    title: str
    state: str
    package_key: str
    party: str


@dataclass(frozen=True, slots=True)
class HintInfo:
    """A hint at a false fix, and whose picture it is about: who handed it in, with a step of which unit ("": none)."""

    id: str
    case: str
    file: str
    said: str
    verdict: str
    reason: str
    uploaded_by: str
    unit: str


class Numbers(Protocol):
    """Gives the next number of a series in a year, from 1, without gaps within a transaction."""

    def __call__(self, series: str, year: int) -> int: ...


def no_file(_file: str) -> FileInfo | None:
    """Where no files are kept: scenarios, simulation."""
    return None


def no_hint(_hint: str) -> HintInfo | None:
    """Where nothing is noticed."""
    return None


def no_related(_state: State) -> list[Value]:
    """Where no other cases are known."""
    return []


def no_other(_case: str) -> OtherCase | None:
    """Where there are no other cases."""
    return None


@dataclass(frozen=True, slots=True)
class Setting:
    """All that a handler may look at beside the command and the case's state.

    `case` is the case's id. `related` lists earlier cases a form may choose from, as `{label, value}`. `other` looks a case up
    that this one is merged into, and keeps it from ending meanwhile. `urges_a_day`: how often one person may urge the same item on
    a working day 催办上限. `command`: its id ("" where none is kept), for keys of what may happen twice at one instant. `history` gives what has come of what in the case so far, for what goes back, to be looked at only. `fatal` is what
    these callbacks raise where the whole command must end: a lost database is no failure of automatic work.
    """

    package: Package
    directory: Directory
    moment: Moment
    actor: Actor
    case: str
    numbers: Numbers
    file: Callable[[str], FileInfo | None] = no_file
    related: Callable[[State], list[Value]] = no_related
    other: Callable[[str], OtherCase | None] = no_other
    urges_a_day: int = 1
    fatal: tuple[type[Exception], ...] = ()
    history: Callable[[Package], History] = History
    hint: Callable[[str], HintInfo | None] = no_hint
    command: str = ""
