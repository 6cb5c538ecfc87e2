"""Which case a message is meant for 消息关联 (BPMN 2.0.2, 8.4.2), beside the extension property `correlationKey`.

A message carries a key when each of the key's properties has a value in its payload. The first message a case sends or
receives settles the key; later ones must carry the same values. A process with a subscription to the key says by its
variables what values it expects, as they are when the message comes; what has no value yet fits any.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from engine.calendar import Moment
from engine.definitions.model import CorrelationKey, Package, Process
from engine.execution.records import Subscription
from engine.execution.run import Halt, Run
from engine.execution.scopes import home_of
from engine.execution.state import Instance, State
from engine.facts import CorrelationKeySet
from engine.values import Value

Payload = Mapping[str, Value]


def fits(run: Run, subscription: Subscription, payload: Payload) -> bool:
    """Whether a message of the subscription's name may be delivered there."""
    owner, process = _place(run, subscription)
    expected = fitted = False
    for key in _keys(process, subscription.name):
        carried = _carried(run, process, key, subscription.name, payload)
        bindings = process.expects.get(key.id)
        if bindings is not None:
            wanted = [run.value(bindings[p], owner) if p in bindings else None for p in key.properties]
        else:
            wanted = _settled(run, owner, key) or [None] * len(key.properties)
        if all(value is None for value in wanted):
            continue
        expected = True
        if carried is None:
            continue
        if not all(value is None or _same(value, one) for value, one in zip(wanted, carried, strict=True)):
            return False
        fitted = True
    return fitted or not expected


def learn_from(run: Run, subscription: Subscription, payload: Payload) -> None:
    """A message has reached a subscription."""
    owner, process = _place(run, subscription)
    learn(run, owner, process, subscription.name, payload)


def learn(run: Run, at: Instance, process: Process, message: str, payload: Payload) -> None:
    """`at` has sent or received a message: keys that it carries and that were open are settled, for the innermost scope
    that may exist more than once at a time (an instance of a loop, a called process), or else for the case."""
    for key in _keys(process, message):
        if key.id not in process.expects and _settled(run, at, key) is None:
            carried = _carried(run, process, key, message, payload)
            if carried is not None:
                run.emit(CorrelationKeySet(home_of(run, at), key.id, key.name, carried))


def must_fit(run: Run, at: Instance, process: Process, message: str, payload: Payload) -> None:
    """A message that is sent belongs to the same conversation. Raises `Halt` where it carries another key."""
    for key in _keys(process, message):
        settled = _settled(run, at, key)
        carried = _carried(run, process, key, message, payload) if settled is not None else None
        if settled is not None and carried is not None and not all(map(_same, settled, carried)):
            raise Halt(
                "correlation_differs",
                f"消息“{message}”的关联键“{key.name}”与本案此前收发的消息不一致，收到的一方会找错案件。"
                "请核对消息的内容后重试。",
            )


def hears(
    package: Package, state: State, moment: Moment, subscription: Subscription, payload: Payload
) -> bool:
    """As `fits`, asked from outside a command."""
    run = Run(package, state, moment, "", lambda *_: None, lambda *_: None)
    try:
        return fits(run, subscription, payload)
    except Halt:
        return False


def _place(run: Run, subscription: Subscription) -> tuple[Instance, Process]:
    """Who waits, and the process in which what it waits at is drawn."""
    owner = run.state.instances[subscription.owner]
    process = run.process(owner)
    return owner, process if subscription.element in process.elements else run.inside(owner)[0]


def _settled(run: Run, at: Instance, key: CorrelationKey) -> list[Value] | None:
    """The key's values where a message has settled them, here or in a scope around."""
    while True:
        if at.keys is not None and key.id in at.keys:
            return at.keys[key.id]
        if not at.scope:
            return None
        at = run.state.instances[at.scope]


def _keys(process: Process, message: str) -> Iterator[CorrelationKey]:
    """The keys that a message of this name can carry."""
    correlation = process.correlation
    for key in correlation.keys:
        if key.properties and all((p, message) in correlation.paths for p in key.properties):
            yield key


def _carried(
    run: Run, process: Process, key: CorrelationKey, message: str, payload: Payload
) -> list[Value] | None:
    """The key's values in a payload, None where one is missing."""
    values: list[Value] = []
    for property in key.properties:
        try:
            value = run.ask(process.correlation.paths[property, message], payload)
        except Halt:
            return None  # what cannot be computed from the payload is not in it
        if value is None:
            return None
        values.append(value)
    return values


def _same(one: Value, other: Value) -> bool:
    return bool(one == other) and isinstance(one, bool) == isinstance(other, bool)
