"""The state of a case and how facts change it: `evolve(state, fact)`, `fold(facts)`.

`fold(facts)` is the whole truth about a case; a snapshot is a cache of it. Folding needs no definition, calendar
or clock: facts carry results. Every kind of fact has one small function here, found by the fact's class.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any, cast

from engine import facts as f
from engine.execution.marking import State
from engine.execution.records import (
    AFTER,
    BEFORE,
    BESIDE,
    CANCELLING,
    COMPENSATING,
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

__all__ = [
    "AFTER",
    "APPLY",
    "BEFORE",
    "BESIDE",
    "CANCELLING",
    "COMPENSATING",
    "ROOT",
    "Cause",
    "Copy",
    "Deadline",
    "Incident",
    "Instance",
    "Item",
    "Job",
    "Signer",
    "State",
    "Subscription",
    "Undoing",
    "evolve",
    "fold",
]


def evolve(state: State, fact: f.Fact) -> None:
    """Apply one fact, in place."""
    apply = APPLY.get(type(fact))
    if apply is not None:
        apply(state, fact)


def fold(facts: Iterable[f.Fact], state: State | None = None) -> State:
    """The state after these facts, from the beginning or from `state` (changed in place)."""
    state = State() if state is None else state
    for fact in facts:
        evolve(state, fact)
    return state


# -- the case ------------------------------------------------------------------------------------------


def _started(state: State, fact: f.CaseStarted) -> None:
    state.package = fact.package
    state.process = fact.process
    state.start = fact.start
    state.started = fact.at
    state.last = ROOT
    state.instances[ROOT] = Instance(ROOT, fact.process, "", 0, variables=dict(fact.variables))
    _came_to(state, fact.unit)
    if fact.person:
        state.performers[fact.start] = [p for p in (fact.behalf, fact.person) if p]


def _completed_case(state: State, fact: f.CaseCompleted) -> None:
    state.ended = "completed"
    state.end = fact.end
    _clear(state)


def _cancelled_case(state: State, fact: f.CaseCancelled) -> None:
    state.ended = "cancelled"
    state.suspended = False
    _clear(state)


def _clear(state: State) -> None:
    """Nothing of an ended case lives on but its root's variables."""
    root = state.instances.get(ROOT)
    state.instances = {ROOT: root} if root is not None else {}
    if root is not None:
        root.children, root.holds, root.arrivals, root.activated = {}, {}, {}, None
    state.undoing, state.compensable, state.kept = {}, {}, {}
    state.causes, state.strands, state.left = {}, {}, None
    state.items, state.jobs, state.deadlines, state.signers = {}, {}, {}, {}
    state.subscriptions, state.incidents = {}, {}


def _suspended(state: State, fact: f.CaseSuspended) -> None:
    state.suspended = True


def _resumed(state: State, fact: f.CaseResumed) -> None:
    state.suspended = False


def _status(state: State, fact: f.StatusChanged) -> None:
    state.status = fact.status


def _variables(state: State, fact: f.VariablesSet) -> None:
    strand = state.strands.get(fact.scope)
    if strand is not None:
        strand.update(fact.values)
        return
    instance = state.instances[fact.scope]
    if instance.variables is None:
        instance.variables = dict(fact.values)
    else:
        instance.variables.update(fact.values)


# -- tokens --------------------------------------------------------------------------------------------


def _flow(state: State, fact: f.FlowTaken) -> None:
    if fact.waits_at:
        arrivals = state.instances[fact.scope].arrivals
        arrivals.setdefault(fact.waits_at, []).append((fact.flow, fact.cause, fact.strand))


def _entered(state: State, fact: f.ElementEntered) -> None:
    variables, strand, id = fact.variables, fact.strand, fact.id
    scope = state.instances[fact.scope]
    if fact.consumes:
        _consume(scope, fact.consumes)
    if strand == id:
        state.strands[id] = dict(variables or {})
        variables = None
    elif variables is not None:
        variables = dict(variables)
    state.instances[id] = Instance(
        id, fact.process, fact.element, fact.scope, fact.cause, strand, fact.loop, fact.body, variables
    )
    scope.children[id] = None
    if id > state.last:
        state.last = id
    cause = fact.cause
    if cause and cause not in state.causes:
        known = state.known(cause)
        if known is None and state.left is not None and state.left.id == cause:
            known = state.left
        if known is not None:
            state.causes[cause] = known


def _consume(scope: Instance, flows: tuple[str, ...]) -> None:
    for flow in flows:
        _consume_one(scope.arrivals, flow)


def _consume_one(arrivals: dict[str, list[tuple[str, int, int]]], flow: str) -> None:
    for gateway, tokens in arrivals.items():
        for at, token in enumerate(tokens):
            if token[0] == flow:
                del tokens[at]
                if not tokens:
                    del arrivals[gateway]
                return


def _completed(state: State, fact: f.ElementCompleted) -> None:
    instance = _gone(state, fact.id)
    if fact.end:
        state.end = fact.end
    if instance.loop:
        state.instances[instance.scope].done += 1
    if fact.compensable:
        instance.result = instance.items = instance.outputs = instance.came = instance.activated = None
        state.compensable[instance.id] = instance
        state.kept.setdefault(instance.scope, {})[instance.id] = None
    elif state.kept:
        _forget(state, instance.id)


def _cancelled(state: State, fact: f.ElementCancelled) -> None:
    state.left = state.known(fact.id)
    _gone(state, fact.id)
    if state.kept:
        _forget(state, fact.id)


def _gone(state: State, id: int) -> Instance:
    if id in state.items and id in state.causes:
        known = state.known(id)
        assert known is not None
        state.causes[id] = known
    instance = state.instances.pop(id)
    del state.instances[instance.scope].children[id]
    state.items.pop(id, None)
    state.jobs.pop(id, None)
    if state.undoing:
        state.undoing.pop(id, None)
    if state.signers:
        for one in [s.id for s in state.signers.values() if id in (s.id, s.to)]:
            del state.signers[one]
    return instance


def _loop(state: State, fact: f.LoopOpened) -> None:
    instance = state.instances[fact.id]
    instance.items = list(fact.items)
    instance.sequential = fact.sequential


def _output(state: State, fact: f.LoopOutput) -> None:
    instance = state.instances[fact.id]
    if instance.outputs is None:
        instance.outputs = {}
    instance.outputs[fact.index] = fact.value


def _enabled(state: State, fact: f.ActivitiesEnabled) -> None:
    instance = state.instances[fact.id]
    instance.items = list(fact.elements) if fact.elements or fact.closing else None
    if fact.closing:
        instance.arrivals = {}


def _activated(state: State, fact: f.GatewayActivated) -> None:
    scope = state.instances[fact.scope]
    scope.activated = {**(scope.activated or {}), fact.element: list(fact.flows)}


def _reset(state: State, fact: f.GatewayReset) -> None:
    scope = state.instances[fact.scope]
    _consume(scope, fact.flows)
    left = {gateway: flows for gateway, flows in (scope.activated or {}).items() if gateway != fact.element}
    scope.activated = left or None


# -- undoing -------------------------------------------------------------------------------------------


def _compensation(state: State, fact: f.CompensationThrown) -> None:
    thrower = state.instances[fact.id]
    if not fact.runner:
        before = state.undoing.get(fact.id)
        queue = [*((before.queue if before is not None else None) or ()), *fact.activities]
        state.undoing[fact.id] = Undoing(fact.id, queue=queue)
        return
    id, scope = fact.runner, thrower.scope
    state.instances[id] = Instance(id, thrower.process, "", scope)
    state.instances[scope].children[id] = None
    state.undoing[id] = Undoing(id, COMPENSATING, queue=list(fact.activities))
    if id > state.last:
        state.last = id


def _undone_now(state: State, fact: f.CompensationBegan) -> None:
    id, record = fact.id, state.compensable.pop(fact.id)
    state.kept[record.scope].pop(id)
    if not state.kept[record.scope]:
        del state.kept[record.scope]
    by = state.undoing[fact.by]
    if by.queue is not None and id in by.queue:
        by.queue.remove(id)
    if fact.again:
        state.instances[id] = record
        state.instances[record.scope].children[id] = None
        state.undoing[id] = Undoing(id, COMPENSATING, fact.by, list(fact.activities))
    else:
        _forget(state, id)
    if fact.runs:
        state.undoing[fact.runs] = Undoing(fact.runs, awaited_by=id if fact.again else fact.by)


def _undone(state: State, fact: f.CompensationEnded) -> None:
    _gone(state, fact.id)
    _forget(state, fact.id)


def _forget(state: State, id: int) -> None:
    """Nothing that completed inside can be undone any more."""
    stack = list(state.kept.pop(id, ()))
    while stack:
        record = stack.pop()
        del state.compensable[record]
        stack.extend(state.kept.pop(record, ()))


def _transaction_cancelled(state: State, fact: f.TransactionCancelled) -> None:
    here = state.instances[fact.id]
    stack = [state.instances[id] for id in here.children] if here.body else [here]
    first = {one.id for one in stack}
    while stack:
        scope = stack.pop()
        if (
            scope.children or scope.id in first
        ):  # its scopes: what is left of their content is the cancel event
            before = state.undoing.get(scope.id)
            awaited_by = before.awaited_by if before is not None else 0
            state.undoing[scope.id] = Undoing(scope.id, CANCELLING, awaited_by)
        scope.arrivals, scope.activated = {}, None
        stack.extend(state.instances[child] for child in scope.children)


# -- work ----------------------------------------------------------------------------------------------


def _offered(state: State, fact: f.WorkItemOffered) -> None:
    state.items[fact.id] = Item(
        fact.id,
        fact.element,
        fact.name,
        fact.groups,
        fact.at,
        fact.assignee,
        fact.due,
        fact.form,
        person=fact.assignee,
    )


def _routed(state: State, fact: f.WorkItemRouted) -> None:
    item = state.items[fact.id]
    item.unit, item.role, item.basis = fact.unit, fact.role, fact.basis
    item.person = fact.person or item.person
    _came_to(state, fact.unit)


def _came_to(state: State, unit: str) -> None:
    if unit and unit not in state.holders:
        state.holders.append(unit)


def _claimed(state: State, fact: f.WorkItemClaimed) -> None:
    item = state.items[fact.id]
    item.person, item.behalf = fact.person, fact.behalf


def _released(state: State, fact: f.WorkItemReleased) -> None:
    item = state.items[fact.id]
    item.person = item.behalf = ""


def _transferred(state: State, fact: f.WorkItemTransferred) -> None:
    item = state.items[fact.id]
    item.unit, item.role, item.person, item.basis = fact.unit, fact.role, fact.person, fact.reason
    item.assignee = item.behalf = ""  # whom the diagram named no longer counts
    _came_to(state, fact.unit)


def _finished(state: State, fact: f.WorkItemCompleted) -> None:
    known = state.known(fact.id)
    if known is not None:
        state.causes[fact.id] = known  # output mappings still see `item`
    state.items.pop(fact.id, None)
    state.instances[fact.id].result = dict(fact.form)
    step = state.step_of(fact.id)
    if step != fact.id:  # done anew: what counts is what was said last
        state.instances[step].result = dict(fact.form)
        if known is not None:
            state.causes[step] = replace(known, id=step)
    for signer in state.signers.values():
        if signer.way == AFTER and signer.to == step:
            signer.holder = fact.person
    for person in (fact.behalf, fact.person):  # both have done it, and may not do what is separate from it
        if not person:
            continue
        people = state.performers.setdefault(fact.element, [])
        if person in people:
            people.remove(person)
        people.append(person)


def _returned(state: State, fact: f.WorkItemReturned) -> None:
    known = state.known(fact.id)
    if known is not None and fact.id in state.causes:
        state.causes[fact.id] = known
    state.items.pop(fact.id, None)
    if fact.of:
        _no_record(state, fact.of)
        _forget(state, fact.of)


def _taken_back(state: State, fact: f.WorkItemTakenBack) -> None:
    for person in (*((fact.person,) if fact.last else ()), *fact.others):
        _not_done_by(state, fact.element, person)
    _no_record(state, fact.id)


def _withdrawn(state: State, fact: f.WorkItemWithdrawn) -> None:
    for person in (*((fact.person,) if fact.done and fact.last else ()), *fact.others):
        _not_done_by(state, fact.element, person)


def _not_done_by(state: State, element: str, person: str) -> None:
    people = state.performers.get(element, [])
    if person in people:
        people.remove(person)
        if not people:
            del state.performers[element]


def _no_record(state: State, id: int) -> None:
    """What is done again has not completed: it is not to be undone. What completed in it may be."""
    record = state.compensable.pop(id, None)
    if record is not None:
        state.kept[record.scope].pop(id)
        if not state.kept[record.scope]:
            del state.kept[record.scope]


def _tokens_withdrawn(state: State, fact: f.TokensWithdrawn) -> None:
    arrivals = state.instances[fact.scope].arrivals
    tokens = arrivals[fact.gateway]
    for flow in fact.flows:  # the latest come: an earlier one belongs to another round
        at = next(at for at in reversed(range(len(tokens))) if tokens[at][0] == flow)
        del tokens[at]
    if not tokens:
        del arrivals[fact.gateway]


def _put_back(state: State, fact: f.TokenPutBack) -> None:
    arrivals = state.instances[fact.scope].arrivals
    arrivals.setdefault(fact.gateway, []).insert(0, (fact.flow, fact.cause, fact.strand))


def _reopened(state: State, fact: f.ScopeReopened) -> None:
    _no_record(state, fact.id)
    variables = None if fact.variables is None else dict(fact.variables)
    one = Instance(
        fact.id,
        fact.process,
        fact.element,
        fact.scope,
        fact.cause,
        fact.strand,
        fact.loop,
        fact.body,
        variables,
    )
    one.items = None if fact.items is None else list(fact.items)
    one.sequential, one.done = fact.sequential, fact.done
    one.taken = None if fact.taken is None else [int(cast(Any, counter)) for counter in fact.taken]
    one.outputs = None if fact.outputs is None else {pair[0]: pair[1] for pair in cast(Any, fact.outputs)}
    state.instances[fact.id] = one
    state.instances[fact.scope].children[fact.id] = None


def _cause_recalled(state: State, fact: f.CauseRecalled) -> None:
    state.causes[fact.id] = Cause(
        fact.id, fact.process, fact.element, fact.name, fact.due, fact.offered, fact.unit, fact.role
    )


def _strand_recalled(state: State, fact: f.StrandRecalled) -> None:
    state.strands[fact.id] = dict(fact.values)


def _round_reopened(state: State, fact: f.RoundReopened) -> None:
    body = state.instances[fact.id]
    body.done -= 1
    if body.outputs is not None:
        body.outputs.pop(fact.index, None)
        body.outputs = body.outputs or None


def _signer_added(state: State, fact: f.SignerAdded) -> None:
    state.signers[fact.id] = Signer(
        fact.id, fact.to, fact.way, fact.unit, fact.role, fact.person, fact.by, fact.reason, fact.due
    )
    if fact.way == BESIDE:
        body = state.instances[fact.to]
        body.items = [*(body.items or ()), fact.value]
    elif fact.way == AFTER and fact.id > state.last:
        state.last = fact.id


def _signing_returned(state: State, fact: f.SigningReturned) -> None:
    for id, old in enumerate(fact.signers, fact.first):
        state.signers[id] = replace(state.signers[old], id=id)
        state.last = max(state.last, id)


def _signer_taken_back(state: State, fact: f.SignerTakenBack) -> None:
    state.signers.pop(fact.id, None)
    instance = state.instances.get(fact.id)
    if instance is not None and instance.loop:
        body = state.instances[instance.scope]
        body.taken = [*(body.taken or ()), instance.loop]


def _due(state: State, fact: f.DueMoved) -> None:
    item = state.items[fact.id]
    item.due, item.remaining = fact.due, fact.remaining


def _job(state: State, fact: f.JobOffered) -> None:
    state.jobs[fact.id] = Job(fact.id, fact.element, fact.topic, fact.inputs)


def _job_done(state: State, fact: f.JobCompleted) -> None:
    state.jobs.pop(fact.id, None)
    state.instances[fact.id].result = dict(fact.result)


def _job_failed(state: State, fact: f.JobFailed) -> None:
    if fact.retries_left <= 0:
        state.jobs.pop(fact.id, None)
    elif fact.id in state.jobs:
        state.jobs[fact.id].failures += 1


def _incident(state: State, fact: f.IncidentRaised) -> None:
    state.incidents[fact.id] = Incident(
        fact.id, fact.owner, fact.element, fact.code, fact.message, fact.leaving
    )
    _held(state, fact.owner, fact.id)


def _resolved(state: State, fact: f.IncidentResolved) -> None:
    incident = state.incidents.pop(fact.id, None)
    if incident is not None:
        _let_go(state, incident.owner, fact.id)


# -- waiting -------------------------------------------------------------------------------------------


def _held(state: State, owner: int, id: int) -> None:
    if id > state.last:
        state.last = id
    if owner in state.instances:
        state.instances[owner].holds[id] = None


def _let_go(state: State, owner: int, id: int) -> None:
    instance = state.instances.get(owner)
    if instance is not None:
        instance.holds.pop(id, None)


def deadline(fact: f.DeadlineSet) -> Deadline:
    """The timer that the fact arms."""
    return Deadline(
        fact.id, fact.owner, fact.element, fact.due, fact.repeats, fact.interval, None, fact.part, fact.day
    )


def moved(clock: Deadline, fact: f.DeadlineMoved) -> Deadline:
    """The timer after the fact."""
    return replace(clock, due=fact.due, remaining=fact.remaining, day=0)


def _armed(state: State, fact: f.DeadlineSet) -> None:
    state.deadlines[fact.id] = deadline(fact)
    _held(state, fact.owner, fact.id)


def _passed(state: State, fact: f.DeadlinePassed) -> None:
    clock = state.deadlines.pop(fact.id)
    _let_go(state, clock.owner, fact.id)
    owner = state.instances.get(clock.owner)
    if owner is not None and owner.element == clock.element:
        owner.result = {}


def _dropped(state: State, fact: f.DeadlineDropped) -> None:
    clock = state.deadlines.pop(fact.id)
    _let_go(state, clock.owner, fact.id)


def _moved(state: State, fact: f.DeadlineMoved) -> None:
    state.deadlines[fact.id] = moved(state.deadlines[fact.id], fact)


def _subscribed(state: State, fact: f.Subscribed) -> None:
    state.subscriptions[fact.id] = Subscription(
        fact.id, fact.owner, fact.element, fact.what, fact.name, fact.key, fact.part
    )
    _held(state, fact.owner, fact.id)


def _unsubscribed(state: State, fact: f.Unsubscribed) -> None:
    subscription = state.subscriptions.pop(fact.id)
    _let_go(state, subscription.owner, fact.id)


def _heard(state: State, fact: f.MessageReceived | f.SignalReceived) -> None:
    subscription = state.subscriptions.get(fact.id)
    owner = state.instances.get(subscription.owner) if subscription is not None else None
    if subscription is not None and owner is not None and owner.element == subscription.element:
        owner.result = dict(fact.variables)


def _came(state: State, fact: f.TriggerCame) -> None:
    owner = state.instances[fact.owner]
    came = (owner.came or {}).pop(fact.element, {})
    came[str(fact.part)] = dict(fact.variables)
    if not fact.complete:
        owner.came = {**(owner.came or {}), fact.element: came}
        return
    owner.came = owner.came or None
    if owner.element == fact.element:
        owner.result = {name: value for part in came.values() for name, value in part.items()}


def _key(state: State, fact: f.CorrelationKeySet) -> None:
    instance = state.instances[fact.scope]
    instance.keys = {**(instance.keys or {}), fact.key: list(fact.values)}


# -- between people --------------------------------------------------------------------------------------


def _noted(state: State, fact: f.NoteAdded) -> None:
    state.notes = max(state.notes, fact.number)


def _copied(state: State, fact: f.CaseCopied) -> None:
    state.copies[fact.id] = Copy(fact.id, fact.person, fact.unit, fact.role)


def _read(state: State, fact: f.CopyRead) -> None:
    copy = state.copies[fact.id]
    if fact.alone:
        copy.readers = [*(copy.readers or ()), fact.person]
    else:
        copy.read = fact.person


def _urged(state: State, fact: f.WorkItemUrged) -> None:
    item = state.items[fact.id]
    item.urges = [*(item.urges or ()), [fact.by, fact.at]]


def _corrected(state: State, fact: f.RegisterCorrected) -> None:
    _variables(state, f.VariablesSet(ROOT, fact.values))


def _merged(state: State, fact: f.CaseMerged) -> None:
    if fact.passes:
        return
    state.ended, state.merged = "merged", fact.into
    state.suspended = False
    _clear(state)


def _joined(state: State, fact: f.CaseJoined) -> None:
    state.joined[fact.other] = fact.number
    for id, (person, role, unit) in enumerate(f.receivers(fact.people, fact.posts), fact.first):
        state.copies[id] = Copy(id, person, unit, role, merged=True)


def _numbered(state: State, fact: f.NumberGiven) -> None:
    if not state.number:
        state.number = fact.text
    state.numbers.append(fact.text)


APPLY: dict[type[f.Fact], Callable[[State, Any], None]] = {
    f.CaseStarted: _started,
    f.CaseCompleted: _completed_case,
    f.CaseCancelled: _cancelled_case,
    f.CaseSuspended: _suspended,
    f.CaseResumed: _resumed,
    f.StatusChanged: _status,
    f.VariablesSet: _variables,
    f.FlowTaken: _flow,
    f.ElementEntered: _entered,
    f.ElementCompleted: _completed,
    f.ElementCancelled: _cancelled,
    f.CompensationThrown: _compensation,
    f.CompensationBegan: _undone_now,
    f.CompensationEnded: _undone,
    f.TransactionCancelled: _transaction_cancelled,
    f.LoopOpened: _loop,
    f.LoopOutput: _output,
    f.ActivitiesEnabled: _enabled,
    f.GatewayActivated: _activated,
    f.GatewayReset: _reset,
    f.WorkItemOffered: _offered,
    f.WorkItemRouted: _routed,
    f.WorkItemClaimed: _claimed,
    f.WorkItemReleased: _released,
    f.WorkItemTransferred: _transferred,
    f.WorkItemCompleted: _finished,
    f.WorkItemReturned: _returned,
    f.WorkItemTakenBack: _taken_back,
    f.WorkItemWithdrawn: _withdrawn,
    f.TokensWithdrawn: _tokens_withdrawn,
    f.TokenPutBack: _put_back,
    f.ScopeReopened: _reopened,
    f.RoundReopened: _round_reopened,
    f.SignerAdded: _signer_added,
    f.SignerTakenBack: _signer_taken_back,
    f.SigningReturned: _signing_returned,
    f.CauseRecalled: _cause_recalled,
    f.StrandRecalled: _strand_recalled,
    f.DueMoved: _due,
    f.JobOffered: _job,
    f.JobCompleted: _job_done,
    f.JobFailed: _job_failed,
    f.IncidentRaised: _incident,
    f.IncidentResolved: _resolved,
    f.DeadlineSet: _armed,
    f.DeadlinePassed: _passed,
    f.DeadlineDropped: _dropped,
    f.DeadlineMoved: _moved,
    f.Subscribed: _subscribed,
    f.Unsubscribed: _unsubscribed,
    f.MessageReceived: _heard,
    f.SignalReceived: _heard,
    f.TriggerCame: _came,
    f.CorrelationKeySet: _key,
    f.NumberGiven: _numbered,
    f.NoteAdded: _noted,
    f.CaseCopied: _copied,
    f.CopyRead: _read,
    f.WorkItemUrged: _urged,
    f.RegisterCorrected: _corrected,
    f.CaseMerged: _merged,
    f.CaseJoined: _joined,
}
"""Facts that are not here (letters sent, files, errors thrown, a 会签 decided) change nothing the kernel needs."""
