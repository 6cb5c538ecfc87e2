"""The records of a case's marking 案件状态的组成: elements being executed, work, clocks, subscriptions, incidents.

Plain data, changed only by `state.evolve`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from engine.values import Value

ROOT = 1
"""The id of the case's root scope."""

COMPENSATING, CANCELLING = "compensating", "cancelling"


@dataclass(slots=True)
class Instance:
    """An element that is being executed, or a scope. The root scope has id 1, element "" and scope 0.

    `scope` is the instance around it (a subprocess, a call, a multi-instance body, the root). `cause` and `strand`
    are those of the token that entered it. `variables` are its locals. `result` is what its finished work delivered,
    kept until it is left. `items`, `done`, `outputs` belong to a loop's body; the `items` of an ad-hoc subprocess are its
    elements still to begin. `arrivals` are the tokens waiting at joins in this scope: gateway → [(flow, cause, strand)].
    `activated`: the complex gateways that wait for reset, with the flows by which tokens have come. `came`
    is what parallel multiple events of the instance have collected so far: event → number of the definition (as text) →
    payload. `taken` are the rounds of a 会签 that were taken back 减签, by their loop counter.
    """

    id: int
    process: str
    element: str
    scope: int
    cause: int = 0
    strand: int = 0
    loop: int = 0
    body: bool = False
    variables: dict[str, Value] | None = None
    result: dict[str, Value] | None = None
    items: list[Value] | None = None
    sequential: bool = False
    done: int = 0
    outputs: dict[int, Value] | None = None
    came: dict[str, dict[str, dict[str, Value]]] | None = None
    keys: dict[str, list[Value]] | None = None
    activated: dict[str, list[str]] | None = None
    taken: list[int] | None = None
    arrivals: dict[str, list[tuple[str, int, int]]] = field(default_factory=dict)
    children: dict[int, None] = field(
        default_factory=dict
    )  # live instances directly inside, in order of entry
    holds: dict[int, None] = field(default_factory=dict)  # its deadlines, subscriptions and incidents

    @property
    def rounds(self) -> int:
        """Of a multi-instance's body: how many rounds there are, without those taken back."""
        return len(self.items or ()) - len(self.taken or ())


@dataclass(slots=True)
class Undoing:
    """补偿：what instance `id` has to do with the undoing of others.

    `phase` says that a scope only lives to be undone from inside (compensating) or to be left through its cancel event
    (cancelling). `queue` is what a throwing event, or a scope being undone, still has to have undone, in order; None: it
    has nothing undone. `awaited_by` goes on when this one, which undoes something, is over.
    """

    id: int
    phase: str = ""
    awaited_by: int = 0
    queue: list[int] | None = None


@dataclass(slots=True)
class Item:
    """待办：an open work item. `person` has claimed it (for `behalf`, stood in for 代) or was assigned; `due` None: no limit,
    or (with `remaining`) its clock stands still."""

    id: int
    element: str
    name: str
    groups: tuple[str, ...]
    offered: datetime
    assignee: str = ""
    due: datetime | None = None
    form: str = ""
    unit: str = ""
    role: str = ""
    basis: str = ""
    person: str = ""
    remaining: timedelta | None = None
    behalf: str = ""
    urges: list[list[Any]] | None = None  # 催办: [who, when], the latest last


@dataclass(slots=True)
class Copy:
    """抄送：copy `id` of the case, to a person or to a post (`role` "" = everybody of the unit). `merged`: to who could see a case
    for which this one goes on, untold. `read`: who has read it for all that got it; `readers` of a post have for themselves."""

    id: int
    person: str = ""
    unit: str = ""
    role: str = ""
    merged: bool = False
    read: str = ""
    readers: list[str] | None = None

    def read_by(self, person: str) -> bool:
        """Whether the person needs to read it no more."""
        return bool(self.read) or person in (self.readers or ())


@dataclass(slots=True)
class Signer:
    """加签：somebody added to a step by a person (`by`), not yet done. `id` is the element the signer executes.

    `way` is `BESIDE` (one more of the 会签 whose body is `to`), `BEFORE` (the holder of item `to` waits for the answer) or
    `AFTER` (signs when the holder of `to` has finished; until then there is no work item yet). `holder`: who has finished it.
    """

    id: int
    to: int
    way: str
    unit: str
    role: str
    person: str
    by: str
    reason: str
    due: datetime | None = None
    holder: str = ""


BESIDE, BEFORE, AFTER = "beside", "before", "after"
"""并加签, 前加签, 后加签."""


@dataclass(slots=True)
class Job:
    """An automatic task waiting for its handler or worker. `failures` counts the failed attempts."""

    id: int
    element: str
    topic: str
    inputs: dict[str, Value]
    failures: int = 0


@dataclass(slots=True)
class Deadline:
    """时限：an armed timer. `due` None: its clock stands still with `remaining` working time. `day`: see `DeadlineSet`."""

    id: int
    owner: int
    element: str
    due: datetime | None
    repeats: int = 0
    interval: str = ""
    remaining: timedelta | None = None
    part: int = 0
    day: int = 0


@dataclass(slots=True)
class Subscription:
    """What the case waits to hear: a message (`name`, `key`; an empty key matches any) or a signal."""

    id: int
    owner: int
    element: str
    what: str
    name: str
    key: str = ""
    part: int = 0


@dataclass(slots=True)
class Incident:
    """异常：the case halts at `owner`."""

    id: int
    owner: int
    element: str
    code: str
    message: str
    leaving: bool = False


@dataclass(slots=True)
class Cause:
    """What is still known of the element whose boundary event started a strand, after it has ended."""

    id: int
    process: str
    element: str
    name: str = ""
    due: datetime | None = None
    offered: datetime | None = None
    unit: str = ""
    role: str = ""
