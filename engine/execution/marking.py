"""The state of one case 案件状态 as a flat marking, and its snapshot.

Ids are small integers counted inside the case and shared by elements, work items, jobs, deadlines, subscriptions
and incidents. Snapshots (`to_data`, `from_data`) hold no definition. Only `state.evolve` changes what lies here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from operator import attrgetter
from typing import Any

from engine.execution.records import (
    ROOT,
    Cause,
    Copy,
    Deadline,
    Incident,
    Instance,
    Item,
    Job,
    Signer,
    Subscription,
    Undoing,
)
from engine.values import Value


class State:
    """One case. Changed only by `state.evolve`."""

    __slots__ = (
        "causes",
        "compensable",
        "copies",
        "deadlines",
        "end",
        "ended",
        "holders",
        "incidents",
        "instances",
        "items",
        "jobs",
        "joined",
        "kept",
        "last",
        "left",
        "merged",
        "notes",
        "number",
        "numbers",
        "package",
        "performers",
        "process",
        "signers",
        "start",
        "started",
        "status",
        "strands",
        "subscriptions",
        "suspended",
        "undoing",
    )

    def __init__(self) -> None:
        self.package = ""  # hash of the package version the case is pinned to
        self.process = ""  # key of the process it was started with
        self.start = ""  # the start event it began at
        self.started: datetime | None = None
        self.status = ""  # the office's word 状态
        self.number = ""  # the first number given: the case's own
        self.numbers: list[str] = []  # every number given to the case and its letters
        self.suspended = False
        self.ended = ""  # "" | "completed" | "cancelled" | "merged"
        self.end = ""  # the end event reached last
        self.last = 0  # the last id given
        self.instances: dict[int, Instance] = {}
        self.undoing: dict[int, Undoing] = {}  # instances that undo something, or have something undone
        # completed, and may have to be undone: in order of completion
        self.compensable: dict[int, Instance] = {}
        self.kept: dict[int, dict[int, None]] = {}  # the same by what is around them
        self.items: dict[int, Item] = {}
        self.signers: dict[int, Signer] = {}  # added by people 加签, and not yet done
        self.jobs: dict[int, Job] = {}
        self.deadlines: dict[int, Deadline] = {}
        self.subscriptions: dict[int, Subscription] = {}
        self.incidents: dict[int, Incident] = {}
        self.causes: dict[int, Cause] = {}
        self.strands: dict[int, dict[str, Value]] = {}  # locals of strands, by the catching event's id
        self.performers: dict[str, list[str]] = {}  # element → who finished it, each person once, latest last
        self.holders: list[str] = []  # units that began it, hold or held an item; each once
        self.copies: dict[int, Copy] = {}  # who may see the case because it was copied to them, by number
        self.notes = 0  # comments so far
        self.merged = ""  # the case into which this one was merged
        self.joined: dict[str, str] = {}  # cases merged into this one, with their numbers
        self.left: Cause | None = None  # the element cancelled last; its boundary event may name it as cause

    def __eq__(self, other: object) -> bool:
        return isinstance(other, State) and self.to_data() == other.to_data()

    __hash__ = None  # type: ignore[assignment]  # equality without a hash, as Python says it

    # -- reading ---------------------------------------------------------------------------------------

    @property
    def root_variables(self) -> dict[str, Value]:
        """The case's own variables."""
        root = self.instances.get(ROOT)
        return (root.variables or {}) if root is not None else {}

    @property
    def open(self) -> bool:
        """Begun and not ended."""
        return self.started is not None and not self.ended

    def variables(self, id: int = ROOT) -> dict[str, Value]:
        """All variables seen from instance `id`: its locals over those of its enclosing scopes up to the root."""
        seen: dict[str, Value] = {}
        for layer in reversed(list(self.layers(id))):
            seen.update(layer)
        return seen

    def layers(self, id: int) -> Iterator[Mapping[str, Value]]:
        """The variables seen from instance `id`, layer by layer, innermost first."""
        while id:
            instance = self.instances[id]
            if instance.variables:
                yield instance.variables
            if instance.strand and instance.strand in self.strands:
                yield self.strands[instance.strand]
            id = instance.scope

    def known(self, id: int) -> Cause | None:
        """What is known of an element that is executed now, or that started a strand still alive."""
        item, instance = self.items.get(id), self.instances.get(id)
        if instance is None:
            return self.causes.get(id)
        if item is None:
            return self.causes.get(id) or Cause(id, instance.process, instance.element)
        return Cause(
            id, instance.process, instance.element, item.name, item.due, item.offered, item.unit, item.role
        )

    def step_of(self, item: int) -> int:
        """The element of the step that an item is the work of: its own, or the one around it where the step is done anew after
        an added signer did not agree. An added signer's element is its own step."""
        instance = self.instances[item]
        around = self.instances.get(instance.scope)
        if around is None or item in self.signers or around.body:
            return item
        same = (around.process, around.element) == (instance.process, instance.element)
        return around.id if same else item

    def phase(self, id: int) -> str:
        """Whether a scope only lives to be undone (compensating), or to be left as cancelled (cancelling)."""
        undoing = self.undoing.get(id) if self.undoing else None
        return undoing.phase if undoing is not None else ""

    def purge(self) -> None:
        """Forget causes and strands that nothing alive refers to. Between commands only; changes no snapshot."""
        causes, strands = _referred(self)
        self.causes = {id: self.causes[id] for id in causes}
        self.strands = {id: self.strands[id] for id in strands}

    # -- snapshots -------------------------------------------------------------------------------------

    def to_data(self) -> dict[str, Any]:
        """The state as data for `values.dumps`. What no live strand refers to any more is left out."""
        causes, strands = _referred(self)
        data: dict[str, Any] = {
            "package": self.package,
            "process": self.process,
            "start": self.start,
            "started": self.started,
            "status": self.status,
            "number": self.number,
            "numbers": self.numbers,
            "suspended": self.suspended,
            "ended": self.ended,
            "end": self.end,
            "last": self.last,
            "performers": self.performers,
            "holders": self.holders,
            "notes": self.notes,
            "merged": self.merged,
            "joined": self.joined,
            "instances": [_instance_row(i, self.process) for i in self.instances.values()],
            "causes": [_CAUSE.row(self.causes[c]) for c in causes],
            "strands": [[s, self.strands[s]] for s in strands],
            "compensable": [_instance_row(i, self.process) for i in self.compensable.values()],
        }
        for name, kind in _TABLES.items():
            data[name] = [kind.row(thing) for thing in getattr(self, name).values()]
        return {k: v for k, v in data.items() if v}

    @classmethod
    def from_data(cls, data: Mapping[str, Any]) -> State:
        """The inverse of `to_data`, after `values.loads`."""
        state = cls()
        for name in _PLAIN:
            if name in data:
                setattr(state, name, data[name])
        for row in data.get("instances", ()):
            instance = _instance(row, state.process)
            state.instances[instance.id] = instance
        for instance in state.instances.values():
            if instance.scope:
                state.instances[instance.scope].children[instance.id] = None
        for row in data.get("compensable", ()):
            instance = _instance(row, state.process)
            state.compensable[instance.id] = instance
        for instance in state.compensable.values():
            state.kept.setdefault(instance.scope, {})[instance.id] = None
        for name, kind in _TABLES.items():
            table = getattr(state, name)
            for row in data.get(name, ()):
                thing = kind.thing(row)
                table[thing.id] = thing
        for item in state.items.values():
            item.groups = tuple(item.groups)
        held: list[Any] = [
            *state.deadlines.values(),
            *state.subscriptions.values(),
            *state.incidents.values(),
        ]
        for hold in sorted(held, key=lambda h: h.id):
            if hold.owner in state.instances:
                state.instances[hold.owner].holds[hold.id] = None
        state.causes = {row[0]: _CAUSE.thing(row) for row in data.get("causes", ())}
        state.strands = {row[0]: row[1] for row in data.get("strands", ())}
        return state


# -- rows of a snapshot: lists without their trailing defaults -----------------------------------------

_PLAIN = (
    "package",
    "process",
    "start",
    "started",
    "status",
    "number",
    "numbers",
    "suspended",
    "ended",
    "end",
    "last",
    "performers",
    "holders",
    "notes",
    "merged",
    "joined",
)


class _Rows:
    """How things of one kind are written as rows: their fields in a fixed order, without those at the end that hold their
    default."""

    def __init__(self, make: Callable[..., Any], *columns: tuple[str, Any]) -> None:
        self.make = make
        self.names = tuple(name for name, _ in columns)
        self.defaults = [default for _, default in columns]
        self._values = attrgetter(*self.names)

    def row(self, thing: object) -> list[Any]:
        row, defaults = list(self._values(thing)), self.defaults
        length = len(row)
        while length and row[length - 1] == defaults[length - 1]:
            length -= 1
        return row[:length]

    def thing(self, row: list[Any]) -> Any:
        return self.make(**dict(zip(self.names, row + self.defaults[len(row) :], strict=True)))


_INSTANCE = _Rows(
    Instance,
    ("id", 0),
    ("process", ""),
    ("element", ""),
    ("scope", 0),
    ("variables", None),
    ("cause", 0),
    ("strand", 0),
    ("loop", 0),
    ("arrivals", {}),
    ("result", None),
    ("body", False),
    ("items", None),
    ("sequential", False),
    ("done", 0),
    ("outputs", None),
    ("came", None),
    ("keys", None),
    ("activated", None),
    ("taken", None),
)
_CAUSE = _Rows(
    Cause,
    ("id", 0),
    ("process", ""),
    ("element", ""),
    ("name", ""),
    ("due", None),
    ("offered", None),
    ("unit", ""),
    ("role", ""),
)
_TABLES = {
    "items": _Rows(
        Item,
        ("id", 0),
        ("element", ""),
        ("name", ""),
        ("groups", ()),
        ("offered", None),
        ("due", None),
        ("form", ""),
        ("unit", ""),
        ("role", ""),
        ("basis", ""),
        ("person", ""),
        ("assignee", ""),
        ("remaining", None),
        ("behalf", ""),
        ("urges", None),
    ),
    "copies": _Rows(
        Copy,
        ("id", 0),
        ("person", ""),
        ("unit", ""),
        ("role", ""),
        ("merged", False),
        ("read", ""),
        ("readers", None),
    ),
    "undoing": _Rows(Undoing, ("id", 0), ("phase", ""), ("awaited_by", 0), ("queue", None)),
    "signers": _Rows(
        Signer,
        ("id", 0),
        ("to", 0),
        ("way", ""),
        ("unit", ""),
        ("role", ""),
        ("person", ""),
        ("by", ""),
        ("reason", ""),
        ("due", None),
        ("holder", ""),
    ),
    "jobs": _Rows(Job, ("id", 0), ("element", ""), ("topic", ""), ("inputs", None), ("failures", 0)),
    "deadlines": _Rows(
        Deadline,
        ("id", 0),
        ("owner", 0),
        ("element", ""),
        ("due", None),
        ("repeats", 0),
        ("interval", ""),
        ("remaining", None),
        ("part", 0),
        ("day", 0),
    ),
    "subscriptions": _Rows(
        Subscription,
        ("id", 0),
        ("owner", 0),
        ("element", ""),
        ("what", ""),
        ("name", ""),
        ("key", ""),
        ("part", 0),
    ),
    "incidents": _Rows(
        Incident, ("id", 0), ("owner", 0), ("element", ""), ("code", ""), ("message", ""), ("leaving", False)
    ),
}


def _instance(row: list[Any], process: str) -> Instance:
    """The inverse of `_instance_row`."""
    instance: Instance = _INSTANCE.thing(row)
    if instance.outputs is not None:
        instance.outputs = {int(k): v for k, v in instance.outputs.items()}
    instance.process = instance.process or process
    instance.arrivals = {g: [(a[0], a[1], a[2]) for a in t] for g, t in instance.arrivals.items()}
    return instance


def _instance_row(instance: Instance, process: str) -> list[Any]:
    """The process the case was started with goes without saying."""
    row = _INSTANCE.row(instance)
    if instance.process == process:
        row[_PROCESS] = ""
    if instance.outputs is not None:
        row[_OUTPUTS] = {str(k): v for k, v in instance.outputs.items()}
    return row


_PROCESS, _OUTPUTS = _INSTANCE.names.index("process"), _INSTANCE.names.index("outputs")


def _referred(state: State) -> tuple[list[int], list[int]]:
    """The causes and strands that something alive still refers to."""
    causes: set[int] = set()
    strands: set[int] = set()
    for instance in (*state.instances.values(), *state.compensable.values()):
        causes.add(instance.cause)
        strands.add(instance.strand)
        if instance.result is not None:
            causes.add(instance.id)
        for tokens in instance.arrivals.values():
            for _, cause, strand in tokens:
                causes.add(cause)
                strands.add(strand)
    return sorted(causes & state.causes.keys()), sorted(strands & state.strands.keys())
