"""What has happened 事实: past tense, never edited, never deleted.

A fact is a sentence of the audit trail and, folded by `execution.state.evolve`, it is the whole state of the
case. Facts carry results, never recipes: folding needs no definition, calendar or clock.

Ids (`id`, `scope`, `owner`, `item` …) are small integers counted inside the case. `scope` 1 is the case's
root. A user task's work item, an automatic task's job and the element that is being executed share one id.
"""

from __future__ import annotations

import typing
from collections.abc import Iterable
from dataclasses import MISSING, dataclass, fields
from datetime import date, datetime, timedelta
from typing import Any, ClassVar, TypeVar

from engine.values import Value

KINDS: dict[str, type[Fact]] = {}

F = TypeVar("F")


@typing.dataclass_transform(frozen_default=True)
def fact(cls: type[F]) -> type[F]:
    """A fact's class. To the type checker it is frozen; the interpreter would take three times as long to make one,
    and the kernel makes about nine of them a step."""
    return dataclass(slots=True)(cls)


@fact
class Fact:
    """Something that has happened to one case."""

    kind: ClassVar[str] = ""

    def __init_subclass__(cls) -> None:
        cls.kind = cls.__name__
        KINDS[cls.__name__] = cls  # a slotted dataclass is made twice; the second stays


# -- the case ------------------------------------------------------------------------------------------


@fact
class CaseStarted(Fact):
    """立案：the case began under this version of this process. `variables` are the root scope's first ones; `person`
    registered it for `unit` (both "" when the engine began it), standing in for `behalf` 代 where that is said."""

    package: str
    process: str
    start: str
    at: datetime
    variables: dict[str, Value]
    person: str = ""
    unit: str = ""
    behalf: str = ""


@fact
class CaseCompleted(Fact):
    """办结：nothing is left to do. `end` names the end event that was reached last."""

    end: str


@fact
class CaseCancelled(Fact):
    """作废：stopped by a person, with a reason."""

    reason: str


@fact
class CaseSuspended(Fact):
    """挂起：all clocks stand still until `until` at the latest."""

    reason: str
    until: datetime | None


@fact
class CaseResumed(Fact):
    """恢复：clocks go on with the working time they had left (`DeadlineMoved`, `DueMoved` follow)."""

    reason: str


@fact
class StatusChanged(Fact):
    """状态：the office's word for where the case stands (domain 3.2), drawn as a property of the element."""

    status: str


@fact
class VariablesSet(Fact):
    """Variables written into one scope, merged over what was there."""

    scope: int
    values: dict[str, Value]


# -- tokens --------------------------------------------------------------------------------------------


@fact
class FlowTaken(Fact):
    """A token went along a sequence flow. `waits_at` names the joining gateway at which it waits, if any.

    `cause` is the id of the element whose boundary event or escalation started this strand, 0 for none.
    `strand` is the id of the catching event whose payload the strand sees as its locals, 0 for none.
    """

    scope: int
    flow: str
    waits_at: str = ""
    cause: int = 0
    strand: int = 0


@fact
class ElementEntered(Fact):
    """An element is being executed. Scopes (subprocess, call, multi-instance body) are elements too.

    `loop` is the loop counter (from 1) of an inner instance of a loop or multi-instance, 0 otherwise; `body` is
    true for the multi-instance body around them. `consumes` are the flows whose waiting tokens a join (or an
    interrupting event subprocess) took. `variables` are the locals the element starts with (input mapping, element
    variable, payload); where `strand` is the element's own id they are the locals of the strand it starts.
    """

    id: int
    process: str
    element: str
    scope: int
    cause: int = 0
    loop: int = 0
    body: bool = False
    consumes: tuple[str, ...] = ()
    variables: dict[str, Value] | None = None
    strand: int = 0


@fact
class ElementCompleted(Fact):
    """The element did its work and its token moved on (`FlowTaken` follows, where a flow leaves it).

    `end` is the name of the end event, where the element is one of the case's own course
    (not of what it contains or calls, nor of what runs beside it). `compensable`: it is remembered, and what it
    contained, because it may have to be undone.
    """

    id: int
    end: str = ""
    compensable: bool = False


@fact
class ElementCancelled(Fact):
    """The element was stopped before its end; everything in it and attached to it is gone with it."""

    id: int


@fact
class LoopOpened(Fact):
    """A multi-instance body or loop knows its rounds. `items` are the collection's elements, in order."""

    id: int
    items: list[Value]
    sequential: bool


@fact
class LoopOutput(Fact):
    """An inner instance delivered its output element (`index` from 0)."""

    id: int
    index: int
    value: Value


@fact
class ActivitiesEnabled(Fact):
    """自由子流程：the inner activities of ad-hoc subprocess `id` that are still to begin, in order.

    `closing`: its completion condition holds, nothing further begins and no token goes on inside.
    """

    id: int
    elements: tuple[str, ...]
    closing: bool = False


@fact
class GatewayActivated(Fact):
    """复杂网关开启：a complex gateway has taken tokens from `flows` and waits for those of its other incoming flows."""

    scope: int
    element: str
    flows: tuple[str, ...]


@fact
class GatewayReset(Fact):
    """复杂网关复位：no more tokens are expected. Those of `flows`, which came late, are taken; it may begin anew."""

    scope: int
    element: str
    flows: tuple[str, ...] = ()


# -- undoing what is done ------------------------------------------------------------------------------


@fact
class CompensationThrown(Fact):
    """补偿：event `id` has completed activities undone, `activities` in this order; `activity` is the one it names, "" for
    all in its reach. `runner` is the id under which they are undone where the event does not wait, else 0."""

    id: int
    activity: str
    activities: tuple[int, ...]
    runner: int = 0


@fact
class CompensationBegan(Fact):
    """Completed activity `id` is being undone, and `by` waits for it.

    `handler` undoes it, a compensation activity or a compensation event subprocess, which is entered next with the id
    `runs`. `again`: it is there again with the data it had when it completed, for its event subprocess to work on or, where
    it has none, for the `activities` in it to be undone in this order.
    """

    id: int
    by: int
    activities: tuple[int, ...] = ()
    handler: str = ""
    runs: int = 0
    again: bool = False


@fact
class CompensationEnded(Fact):
    """What was undone from inside is undone (or is given up, where what waited for it was stopped)."""

    id: int


@fact
class TransactionCancelled(Fact):
    """事务取消：everything that went on in transaction `id` has been stopped, and what completed in it is to be undone."""

    id: int


# -- work of people and machines -----------------------------------------------------------------------


@fact
class WorkItemOffered(Fact):
    """待办：a user or manual task waits for a person.

    `groups` are candidate roles, each `ROLE` or `ROLE@UNIT`; `assignee` a person's id when drawn so.
    `due` is the instant after which the item is overdue (None: no limit).
    """

    id: int
    element: str
    name: str
    groups: tuple[str, ...]
    at: datetime
    assignee: str = ""
    due: datetime | None = None
    form: str = ""


@fact
class WorkItemRouted(Fact):
    """派单：which unit holds the item, by which rule (`basis`, a Chinese sentence). Empty `unit`: nobody was found.
    `person`: it lies with this person of the unit at once."""

    id: int
    unit: str
    role: str
    basis: str
    person: str = ""


@fact
class WorkItemClaimed(Fact):
    """签收：a person took the item, standing in for `behalf` 代 where that is said."""

    id: int
    person: str
    behalf: str = ""


@fact
class WorkItemReleased(Fact):
    """退签：the item is open to its unit again."""

    id: int
    reason: str


@fact
class WorkItemTransferred(Fact):
    """转办：another unit, or another person of the unit, holds the item now."""

    id: int
    unit: str
    role: str
    person: str
    reason: str


@fact
class WorkItemCompleted(Fact):
    """办结：a person finished the item with this form, standing in for `behalf` 代 where that is said. The process moves on
    after it."""

    id: int
    element: str
    person: str
    unit: str
    form: dict[str, Value]
    behalf: str = ""


@fact
class WorkItemReturned(Fact):
    """退回：a person sent the case back to an earlier step (`to`, an element id) instead of finishing the item.

    `of` is the execution after which everything is undone, and by which the step is done again; 0 in older facts, where
    nothing but the item was.
    """

    id: int
    to: str
    person: str
    unit: str
    reason: str
    of: int = 0


@fact
class WorkItemTakenBack(Fact):
    """撤回：a person took back the item it had finished, or that was finished for it or by whom it stands in for 代; it is
    offered again under another id, and what followed is undone. `last`: the person has no other finished item of this element
    that counts; `others`: who else had done it or had it done 代, and has no other."""

    id: int
    element: str
    person: str
    unit: str
    reason: str
    last: bool = True
    others: tuple[str, ...] = ()


@fact
class WorkItemWithdrawn(Fact):
    """随退回（撤回）撤销：item `id` no longer counts, because item `by` was returned or taken back. `person` and `unit` had
    it or had finished it (`done`). `last`: the person has no other finished item of this element that counts; `others`: for
    whom it was done 代, and who has no other."""

    id: int
    element: str
    person: str
    unit: str
    by: int
    done: bool = False
    last: bool = False
    others: tuple[str, ...] = ()


@fact
class TokensWithdrawn(Fact):
    """Tokens that waited at `gateway` are taken away, because what sent them is to be done again: one for each of `flows`."""

    scope: int
    gateway: str
    flows: tuple[str, ...]


@fact
class TokenPutBack(Fact):
    """A token waits at `gateway` again: the join that took it is undone, what sent it is not."""

    scope: int
    gateway: str
    flow: str
    cause: int = 0
    strand: int = 0


@fact
class ScopeReopened(Fact):
    """A scope that had completed is open again as it was, with what its tokens wait for offered anew."""

    id: int
    process: str
    element: str
    scope: int
    cause: int = 0
    strand: int = 0
    loop: int = 0
    body: bool = False
    variables: dict[str, Value] | None = None
    items: list[Value] | None = None
    sequential: bool = False
    done: int = 0
    outputs: list[Value] | None = None  # [index, value] each
    taken: list[Value] | None = None  # rounds taken back 减签


@fact
class CauseRecalled(Fact):
    """What was known of element `id`, which began a strand that had ended and goes on again."""

    id: int
    process: str
    element: str
    name: str = ""
    due: datetime | None = None
    offered: datetime | None = None
    unit: str = ""
    role: str = ""


@fact
class StrandRecalled(Fact):
    """The locals of a strand that had ended and goes on again."""

    id: int
    values: dict[str, Value]


@fact
class RoundReopened(Fact):
    """A round of multi-instance `id` no longer counts as done, and what it delivered (`index` from 0) is forgotten."""

    id: int
    index: int


@fact
class SignerAdded(Fact):
    """加签：person `by` has a post, or a `person` of it, sign as well. `id` is the element the signer will execute.

    `way` "beside": one more of the 会签 whose multi-instance body is `to`, with `value` as its element of the list;
    "before": the holder of item `to` waits for the answer; "after": the step of item `to` waits for it when its holder has
    finished. `due`: the signer's own limit, where one was set.
    """

    id: int
    to: int
    way: str
    unit: str
    role: str
    person: str
    by: str
    reason: str
    value: Value = None
    due: datetime | None = None


@fact
class SignerTakenBack(Fact):
    """减签：a signer who has not signed yet need not sign any more: an added one, or element `id`, a round of a 会签."""

    id: int
    unit: str
    role: str
    person: str
    by: str
    reason: str


@fact
class SigningReturned(Fact):
    """后加签不同意：person `by`, who was added after and executed element `id`, does not agree, so the step `to` is done anew,
    as item `again`, by the `person` of the post who had finished it ("": by the post). Then the added `signers`, the one who
    did not agree and those who were still to sign, sign anew as the elements numbered from `first`."""

    id: int
    to: int
    again: int
    unit: str
    role: str
    person: str
    by: str
    reason: str
    first: int
    signers: tuple[int, ...]


@fact
class SigningDecided(Fact):
    """会签已定：the multi-instance `id` goes on without hearing the others, whose open `items` end with it. `outcome` is 通过
    or 不通过 ("" where the diagram does not say), `stands` the count in words."""

    id: int
    items: tuple[int, ...]
    outcome: str = ""
    stands: str = ""


@fact
class DueMoved(Fact):
    """改期：a work item's due instant changed. `remaining` is the working time it keeps while its clock stands still."""

    id: int
    due: datetime | None
    remaining: timedelta | None = None


@fact
class JobOffered(Fact):
    """自动步骤：a service or send task waits for its handler or an external worker (`topic`)."""

    id: int
    element: str
    topic: str
    inputs: dict[str, Value]


@fact
class JobCompleted(Fact):
    """The handler or worker delivered its result."""

    id: int
    result: dict[str, Value]


@fact
class JobFailed(Fact):
    """An attempt failed; `retries_left` more will be made, the next after `wait` (None: as long as is usual)."""

    id: int
    reason: str
    retries_left: int
    wait: timedelta | None = None


@fact
class IncidentRaised(Fact):
    """异常：the case halts at element `owner`, with the reason, until a person deals with it.

    `code` is an `EngineError` code or `no_one_to_do_it`, `job_failed`, `no_flow_matches`, `uncaught_error`.
    `element` is where it happened: the owner's own element, or an event on it that could not be armed. `leaving`:
    the element's work was done and only the way out of it failed; a retry does not repeat the work.
    """

    id: int
    owner: int
    element: str
    code: str
    message: str
    leaving: bool = False


@fact
class IncidentResolved(Fact):
    """异常已处理。"""

    id: int


# -- waiting for time and for others -------------------------------------------------------------------


@fact
class DeadlineSet(Fact):
    """时限：a timer is armed. `owner` is the element it belongs to (0: the case itself, for a suspension's end).

    `element` is the timer event that will fire, `part` which of the definitions of a multiple event (from 0).
    `repeats` is what remains of a cycle after this firing (-1:
    without end); `interval` is the cycle's fixed ISO duration, empty when the next instant is computed anew. `day` is the day of
    the month that a cycle of months counts from, where this firing's month has no such day.
    """

    id: int
    owner: int
    element: str
    due: datetime
    repeats: int = 0
    interval: str = ""
    part: int = 0
    day: int = 0


@fact
class DeadlinePassed(Fact):
    """到时：the timer fired, once."""

    id: int


@fact
class DeadlineDropped(Fact):
    """The timer's element is gone before it fired."""

    id: int


@fact
class DeadlineMoved(Fact):
    """改期：the timer fires at another instant. `due` None: its clock stands still (suspension) and it keeps
    `remaining` working time."""

    id: int
    due: datetime | None
    remaining: timedelta | None = None


@fact
class Subscribed(Fact):
    """The case waits for a message (`name`, `key`), a signal (`name`) or until a condition (`name`: its text) holds.

    `what` is "message", "signal" or "condition", `part` which of the definitions of a multiple event (from 0). The `key` of a condition is "true" when it has held since before, so
    that it has to fail once before it may fire again.
    """

    id: int
    owner: int
    element: str
    what: str
    name: str
    key: str = ""
    part: int = 0


@fact
class TriggerCame(Fact):
    """One of the things a parallel multiple event of `owner` waits for has come, with `variables`. `complete`: it was
    the last of them; the event happens, and where it may happen again it begins to collect anew."""

    owner: int
    element: str
    part: int
    variables: dict[str, Value]
    complete: bool = False


@fact
class Unsubscribed(Fact):
    """The case no longer waits for it."""

    id: int


@fact
class MessageReceived(Fact):
    """A message reached the subscription `id`."""

    id: int
    name: str
    variables: dict[str, Value]


@fact
class MessageSent(Fact):
    """The case sent a message; other cases and the outside hear it after the commit. `element` sent it."""

    name: str
    key: str
    variables: dict[str, Value]
    element: str = ""


@fact
class CorrelationKeySet(Fact):
    """The first message of a conversation has settled the key by which later ones find the case (`key` its id), for
    `scope` and what is inside it."""

    scope: int
    key: str
    name: str
    values: list[Value]


@fact
class SignalSent(Fact):
    """The case broadcast a signal."""

    name: str
    variables: dict[str, Value]


@fact
class SignalReceived(Fact):
    """A signal reached the subscription `id`."""

    id: int
    name: str
    variables: dict[str, Value]


@fact
class ErrorThrown(Fact):
    """A BPMN error left element `id`; `caught_by` is the catching event's element id, empty when nobody caught it."""

    id: int
    code: str
    message: str
    caught_by: str


@fact
class EscalationThrown(Fact):
    """A BPMN escalation left element `id`."""

    id: int
    code: str
    caught_by: str


# -- around the process --------------------------------------------------------------------------------


@fact
class NumberGiven(Fact):
    """编号：the case or a letter of it was numbered, e.g. 鄂前安督字〔2026〕第3号."""

    series: str
    year: int
    number: int
    text: str


@fact
class FileAttached(Fact):
    """佐证：a file was added. `digest` is SHA-256 of its bytes; `item` the work item it came with, 0 for none."""

    file: str
    name: str
    media_type: str
    size: int
    digest: str
    item: int


@fact
class HintJudged(Fact):
    """核实、排除：a reviewer's word on a hint at a false fix. `file` is the picture, `by` who handed it in, `said` what the hint
    said, `verdict` "confirmed" or "dismissed"."""

    hint: str
    file: str
    by: str
    said: str
    verdict: str
    reason: str


@fact
class NoteAdded(Fact):
    """评论：a person wrote something down, perhaps about an `item`. `number` counts the case's comments from 1 (0: from before
    they were counted); `reply` is the number of the one it answers, `mentions` the people it names with @."""

    text: str
    item: int = 0
    number: int = 0
    reply: int = 0
    mentions: tuple[str, ...] = ()


@fact
class CaseCopied(Fact):
    """抄送：a copy of the case went to a `person`, or to a post (`role` in `unit`; "" = everybody of the unit), who may see it
    from then on. `id` counts the case's copies from 1. `element`: the step at whose end the diagram sends it, "" where a person
    did."""

    id: int
    person: str = ""
    unit: str = ""
    role: str = ""
    note: str = ""
    element: str = ""


@fact
class CopyRead(Fact):
    """阅知：`person` has read copy `id`. `alone`: others of a post that got it have still to read it; otherwise it is read
    for all, as in older facts with the first of a post."""

    id: int
    person: str
    alone: bool = False


@fact
class WorkItemUrged(Fact):
    """催办：a person asked whoever held item `id` (`unit`, `role`, `person`, as it was then) to get on with it."""

    id: int
    at: datetime
    by: str
    text: str
    unit: str = ""
    role: str = ""
    person: str = ""


@fact
class RegisterCorrected(Fact):
    """更正台账：these root variables say something else from now on; `before` is what they said."""

    values: dict[str, Value]
    before: dict[str, Value]
    reason: str


@fact
class CaseMerged(Fact):
    """并案：the case ended because it is about the same hazard as case `into`, which goes on. `number` and `own` are the numbers
    of that one and of this one, as they were then.

    `people` and `posts` (`ROLE@UNIT`; `@UNIT` = everybody of the unit) could see this case and may see that one from now on;
    `joined` are the cases that were merged into this one, with their numbers. `passes`: this one had been merged before, and
    passes on what came late of case `passes`.
    """

    into: str
    reason: str
    joined: dict[str, str]
    number: str = ""
    own: str = ""
    people: tuple[str, ...] = ()
    posts: tuple[str, ...] = ()
    passes: str = ""


@fact
class CaseJoined(Fact):
    """并入：case `other` was merged into this one. Those who could see it get the copies from number `first` on, `people` first,
    then `posts`, of those who could not see this one by a copy already."""

    other: str
    number: str = ""
    reason: str = ""
    first: int = 0
    people: tuple[str, ...] = ()
    posts: tuple[str, ...] = ()


@fact
class NoticeSent(Fact):
    """通知：something was told to a post (`role` in `unit`) or to one `person`. `key` makes a second sending of
    the same notice recognisable. `quiet`: the fact before it says so already, and timelines fold it away."""

    unit: str
    role: str
    person: str
    title: str
    body: str
    key: str
    quiet: bool = False


@fact
class HistoryImported(Fact):
    """补录：the case comes from an older ledger; `row` is what it said, `source` which file, sheet and row."""

    source: str
    row: dict[str, Value]
    happened: date | None
    note: str


def receivers(people: Iterable[str], posts: Iterable[str]) -> list[tuple[str, str, str]]:
    """People, and posts written `ROLE@UNIT`, as (person, role, unit) in their order."""
    found = [(person, "", "") for person in people]
    for post in posts:
        role, _, unit = post.partition("@")
        found.append(("", role, unit))
    return found


# -- to data and back ----------------------------------------------------------------------------------

BEHALF = "behalf"
"""The key under which a fact's data in the ledger say for whom 代 its actor stood in."""


def to_data(fact: Fact) -> dict[str, Any]:
    """Fact → data for `values.dumps`. Fields that hold their default are left out."""
    data: dict[str, Any] = {"kind": fact.kind}
    for name, default in _FIELDS[type(fact)]:
        value = getattr(fact, name)
        if value != default or default is _REQUIRED:
            data[name] = list(value) if isinstance(value, tuple) else value
    return data


def from_data(data: dict[str, Any]) -> Fact:
    """The inverse of `to_data`, after `values.loads`. Unknown kinds raise `KeyError`: old code must not guess.

    The ledger writes into every fact for whom its actor stood in (`BEHALF`); of the kinds here only some have a place for it."""
    given = dict(data)
    cls = KINDS[given.pop("kind")]
    if BEHALF in given and BEHALF not in cls.__dataclass_fields__:
        del given[BEHALF]
    for name in _TUPLES[cls]:
        if name in given:
            given[name] = tuple(given[name])
    return cls(**given)


class _Required:
    pass


_REQUIRED = _Required()
_FIELDS: dict[type[Fact], tuple[tuple[str, Any], ...]] = {}
_TUPLES: dict[type[Fact], tuple[str, ...]] = {}


def _learn() -> None:
    for cls in KINDS.values():
        hints = typing.get_type_hints(cls, globals())
        _FIELDS[cls] = tuple((f.name, _REQUIRED if f.default is MISSING else f.default) for f in fields(cls))
        _TUPLES[cls] = tuple(n for n, h in hints.items() if typing.get_origin(h) is tuple)


_learn()
