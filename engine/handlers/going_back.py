"""Going back 退回与撤回: an item is returned to an earlier step, or a finished one is taken back by who finished it.

Whose work is undone with it is told: by a sentence of the timeline and a notice to the person or, where nobody had claimed
it, to the post.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from engine.assignment import in_the_name_of, may_do
from engine.commands import Actor, EnterSigner, MoveItem, ReturnItem, TakeBack, WithdrawItem
from engine.definitions.model import Element, Kind, Trigger
from engine.definitions.vocabulary import PEOPLE
from engine.directory import Directory
from engine.errors import EngineError, NotAllowed, NotOpen, Suspended
from engine.execution.history import Execution, History, Recall, still_asked, stopped_beside
from engine.execution.moving import Way, taking_back, way_back, ways_back, withdrawn
from engine.execution.signing import is_asked
from engine.execution.state import Item
from engine.facts import NoticeSent, WorkItemClaimed, WorkItemRouted, WorkItemWithdrawn
from engine.handlers.items import acting_unit, someone_does_it
from engine.handlers.visibility import REPORT, keeps, knows, tells
from engine.handlers.work import Work, reason_given

QUIET = frozenset({"archive", "statistics", "case.number"})
"""Topics whose repetition nobody outside notices: a case that has its number keeps it."""

_WORK = frozenset({Kind.SERVICE, Kind.SEND, Kind.RULE})
_HEARD = frozenset({Kind.CATCH, Kind.RECEIVE, Kind.BOUNDARY})
_TOLD = frozenset({Trigger.MESSAGE, Trigger.SIGNAL})


@dataclass(frozen=True, slots=True)
class Loss:
    """A step whose work is undone. `person` and `unit`: who had it, or had finished it (`done`)."""

    item: int
    step: str
    person: str
    unit: str
    role: str
    done: bool


# -- 退回 ----------------------------------------------------------------------------------------------


def return_item(command: ReturnItem, work: Work) -> None:
    """退回: to one of the steps the diagram allows, or to any step that somebody has finished before."""
    item = work.open_item(command.item)
    work.must_do(item)
    reason = reason_given(command.reason, "退回")
    to = _to(command.to, item, work)
    someone_does_it(work, item)
    losses = losses_of(way_back(work.history, work.state, item.id, to).recall, work, item.id)
    work.advance(MoveItem(item.id, to, work.actor.person, acting_unit(item, work), reason))
    name = item.name or work.package.titles.get(item.element, item.element)
    what = f"将“{name}”退回到“{work.package.titles.get(to, to)}”"
    _tell(losses, work, f"“{name}”被退回", what, reason, f"{item.id}/returned")


def _to(wanted: str, item: Item, work: Work) -> str:
    """The step meant. Raises `NotAllowed` with the steps there are."""
    if is_asked(work.state, item.id):
        raise NotAllowed(f"“{item.name}”是加签来的，请在意见中写明，由加签人退回。")
    drawn = work.element(item.id).names("returnTo")
    names = work.package.titles
    ways = [way.to for way in return_ways(item, work)]
    if not wanted:
        if not ways and drawn:
            way_back(work.history, work.state, item.id, drawn[0])  # says why not
        if not ways:
            raise NotAllowed(f"“{item.name}”之前没有可以退回的步骤。")
        return ways[0]
    if wanted in ways:
        return wanted
    if not drawn or wanted in drawn:
        way_back(work.history, work.state, item.id, wanted)
    allowed = "、".join(names.get(t, t) for t in ways) or "无"
    raise NotAllowed(
        f"“{item.name}”不能退回到“{names.get(wanted, wanted)[:60]}”。可以退回的步骤：{allowed}。", field="to"
    )


def return_ways(item: Item, work: Work) -> list[Way]:
    """The steps the item may be returned to, the nearest first: those of the task's `returnTo` property in its order;
    without one, the steps before it that people have finished in this case."""
    if is_asked(work.state, item.id):
        return []  # who was asked gives an opinion; the step is its holder's
    return ways_back(work.history, work.state, item.id, work.element(item.id).names("returnTo"))


def losses_of(recall: Recall, work: Work, by: int) -> list[Loss]:
    """Whose work going back undoes, in the order in which it began."""
    executions = work.history.executions
    return [
        Loss(
            fact.id,
            executions[fact.id].name or work.package.titles.get(fact.element, fact.element),
            fact.person,
            fact.unit,
            executions[fact.id].role,
            fact.done,
        )
        for fact in withdrawn(work.history, recall, by)
        if isinstance(fact, WorkItemWithdrawn)
    ]


def repeated(recall: Recall, work: Work) -> list[str]:
    """Names of the automatic steps with an effect outside that going back does not take back, and that happen again."""
    found = (work.history.element(one) for one in recall.undone if _acted(one, work.history.element(one)))
    return list(dict.fromkeys(element.name or element.id for element in found))


def _tell(losses: Iterable[Loss], work: Work, title: str, what: str, reason: str, key: str) -> None:
    """A notice to everybody who loses work by it, but not to who did it."""
    open_: dict[tuple[str, str, str], list[str]] = {}
    done: dict[tuple[str, str, str], list[str]] = {}
    for loss in losses:
        to = ("", "", loss.person) if loss.person else (loss.unit, loss.role, "")
        if (
            any(to)
            and loss.person != work.actor.person
            and not (REPORT in loss.step and not _knows(to, work))
        ):
            (done if loss.done else open_).setdefault(to, []).append(f"“{loss.step}”")
    who = work.actor.name or work.directory.name_of(work.actor.person)
    for n, to in enumerate(dict.fromkeys((*open_, *done)), 1):
        lines = [_why(f"{who}{what}，理由：{reason}。", to, work)]
        if to in open_:
            lines.append(f"待办{'、'.join(dict.fromkeys(open_[to]))}随之撤销，不用再办。")
        if to in done:
            lines.append(f"已办结的{'、'.join(dict.fromkeys(done[to]))}随之作废，办到这一步时请重新办理。")
        unit, role, person = to
        said = title if REPORT not in title or _knows(to, work) else "案件退回前面的环节"
        work.say(NoticeSent(unit, role, person, said, "".join(lines), f"{work.setting.case}/{key}/{n}"))


def _why(told: str, to: tuple[str, str, str], work: Work) -> str:
    """What happened, as this receiver may know it: not by the keeper of reports, nor of a report 举报保密."""
    keeper = keeps(work.directory.posts_of(work.actor.person))
    if (keeper or REPORT in told) and not _knows(to, work):
        return "案件退回到前面的环节办理。"
    return told


def _knows(to: tuple[str, str, str], work: Work) -> bool:
    unit, role, person = to
    return knows(work.directory.posts_of(person) if person else [(role, unit)], work.directory)


# -- 撤回 ----------------------------------------------------------------------------------------------


def withdraw_item(command: WithdrawItem, work: Work) -> None:
    """撤回: the item is open again with who finished it, as long as nothing that followed has begun."""
    work.must_see()
    reason = reason_given(command.reason, "撤回")
    recall = withdrawal(command.item, work)
    first, last = recall.first, work.state.last
    losses = losses_of(recall, work, first.id)
    beside = {one.id: one for one in (first, *stopped_beside(work.history, recall))}
    work.advance(TakeBack(first.id, work.actor.person, first.finished_for or first.unit, reason))
    for item in [i for i in work.state.items.values() if i.id > last]:
        before = _same_work(item, beside.values(), work)
        if before is not None and (before.unit or before.role):
            _hold_as_before(item, before, work, taken_back=before is first)
        if before is not None and before is not first:
            _ask_again(item, before, work)
    title = work.package.titles.get(first.element, first.element)
    what = f"撤回了已办结的“{first.name or title}”"
    head = f"“{first.name or title}”被撤回"
    _tell(losses, work, head, what, reason, f"{first.id}/withdrawn")
    _tell_whose(first, work, head, what, reason)


def _tell_whose(first: Execution, work: Work, title: str, what: str, reason: str) -> None:
    """A notice to who had finished the item, and for whom, where another takes it back 代."""
    who = work.actor.name or work.directory.name_of(work.actor.person)
    for person in dict.fromkeys((first.finished_by, first.finished_behalf)):
        if not person or person == work.actor.person:
            continue
        to = ("", "", person)
        body = _why(f"{who}{what}，理由：{reason}。", to, work) + "这一步由其重新办理。"
        said = title if REPORT not in title or _knows(to, work) else "案件退回前面的环节"
        key = f"{work.setting.case}/{first.id}/withdrawn/{person}"
        work.say(NoticeSent("", "", person, said, body, key))


def _same_work(item: Item, before: Iterable[Execution], work: Work) -> Execution | None:
    """Which work an item offered anew was, before it was finished or stopped."""
    instance = work.state.instances[item.id]
    return next(
        (
            one
            for one in before
            if (one.element, one.scope, one.loop) == (item.element, instance.scope, instance.loop)
        ),
        None,
    )


def _hold_as_before(item: Item, before: Execution, work: Work, *, taken_back: bool) -> None:
    """The item lies with the unit it had lain with, and with who takes it back or, where it had been stopped beside that, with
    who had it or had been asked by name 加签, if that one is still in the post."""
    directory = work.directory
    still = not before.role or (before.role, before.unit) in directory.posts_of(before.person)
    asked = before.person if still and not taken_back and not before.claimed else ""
    work.say(WorkItemRouted(item.id, before.unit, before.role, "撤回后仍由原承办单位办理", asked))
    if taken_back:
        work.say(WorkItemClaimed(item.id, work.actor.person, for_whom(before, work.actor.person, directory)))
    elif before.claimed and still:
        behalf = before.behalf
        lent = (behalf, before.role, before.unit) in directory.standing_in(before.person)
        work.say(WorkItemClaimed(item.id, before.person, behalf if lent else ""))


def _ask_again(item: Item, before: Execution, work: Work) -> None:
    """Whose opinion was wanted on a step that had been stopped, before it was given, is asked for it once more 加签."""
    for one in still_asked(work.history, before):
        signer = (one.way, one.unit, one.role, one.person, one.by, one.reason)
        work.advance(EnterSigner(item.id, *signer, due=one.due))


def for_whom(one: Execution, person: str, directory: Directory) -> str:
    """For whom 代 the person takes back what was finished; "" for who does it in one's own name."""
    owner = one.finished_behalf or one.finished_by
    return owner if (owner, one.role, one.unit) in directory.standing_in(person) else ""


def taking_it_back(actor: Actor, item: int, history: History, directory: Directory) -> Actor:
    """The actor as it takes back the finished item: in the item's post, and for another 代 where that is so."""
    one = history.executions.get(item)
    if one is None or one.form is None:
        return actor
    if (one.role, one.unit) in directory.posts_of(actor.person):
        actor = replace(actor, role=one.role, unit=one.unit)
    return in_the_name_of(for_whom(one, actor.person, directory), actor, directory)


def withdrawal(item: int, work: Work) -> Recall:
    """What taking the finished item back would undo. Raises an `EngineError` with the sentence why it is not possible."""
    if work.state.ended:
        raise NotOpen("案件已经结束，不能再撤回。需要更正的，请联系安委办。")
    first = work.history.executions.get(item)
    if first is not None and first.form is not None:
        _must_be_theirs(first, work)
    if first is not None and first.form is not None and first.anew:
        raise NotAllowed(
            f"“{first.name}”是后加签不同意后重新办理的，已送后加签人，不能撤回。请与后加签人联系。"
        )
    if first is not None and first.form is not None and _signed_in(first, work):
        raise NotAllowed(f"“{first.name}”的意见已经交出，不能撤回。需要更正的，请加签人再加签一次。")
    if work.state.suspended:
        raise Suspended()
    recall = taking_back(work.history, work.state, item)
    begun = _begun(recall, work)
    if begun:
        name = recall.first.name or work.package.titles.get(recall.first.element, recall.first.element)
        raise NotAllowed(f"“{name}”不能撤回：{begun}")
    _must_not_be_kept(recall, work)
    return recall


def is_theirs(person: str, done_by: str, behalf: str, role: str, unit: str, directory: Directory) -> bool:
    """Whether the person takes back what was done: who did it, for whom it was done 代, or who stands in for that one today."""
    owner = behalf or done_by
    return person in (done_by, owner) or (owner, role, unit) in directory.standing_in(person)


def _must_be_theirs(one: Execution, work: Work) -> None:
    """Refuse whose it is not, and who could not do it again."""
    directory, person, did = work.directory, work.actor.person, one.finished_by
    name_of = directory.name_of
    if not is_theirs(person, did, one.finished_behalf, one.role, one.unit, directory):
        owner = one.finished_behalf or did
        whom = f"{name_of(did)}代{name_of(owner)}" if owner != did else name_of(did) if did else "系统"
        who = f"{name_of(did)}、{name_of(owner)}或其替岗人" if owner != did else "本人"
        away = directory.absence_of(owner, one.role, one.unit) if owner == did else None
        if away is not None and away.substitute:
            who += f"或替岗人{name_of(away.substitute)}"
        raise NotAllowed(f"“{one.name}”由{whom}办结，只有{who}可以撤回。")
    if one.role and (one.role, one.unit) not in directory.posts_of(person):
        whom = name_of(one.finished_behalf) if one.finished_behalf else ""
        if whom and person == did:
            raise NotAllowed(f"“{one.name}”由您代{whom}办结，代办期已结束，请{whom}撤回。")
        raise NotAllowed(
            f"“{one.name}”办结后，您已经不在{one.unit}的这个岗位上，不能撤回。请联系其后的承办人退回。"
        )


def _must_not_be_kept(recall: Recall, work: Work) -> None:
    """Refuse whom the separation of duties 不相容岗位分离 keeps from doing again what would come back."""
    one, actor, history = recall.first, work.actor.person, work.history
    element = history.element(one)
    gone = {one.id, *(other.id for other in recall.undone)}
    performers = {
        other: sorted(history.who_did(other, gone)) if history.finished(other) else done
        for other, done in work.state.performers.items()
    }
    behalf = for_whom(one, actor, work.directory)
    held = Item(
        0,
        one.element,
        one.name,
        (),
        work.moment.now,
        unit=one.unit,
        role=one.role,
        person=actor,
        behalf=behalf,
    )
    may_do(work.actor, held, performers, element, work.package.titles, work.directory)


def _signed_in(one: Execution, work: Work) -> bool:
    """Whether the item was that of a signer added before or after 加签, inside another's step."""
    around = work.history.executions[one.scope]
    return bool(around.element) and not around.body and work.history.element(around).kind in PEOPLE


def _begun(recall: Recall, work: Work) -> str:
    """What has begun since the item was finished, in words; "" for nothing.

    [P] Begun is what a person has claimed or finished, what came from outside or by the clock, and what went out: letters,
    numbers of letters, messages, work for other systems. What the engine only worked out or marked is no beginning.
    """
    name_of, own = work.directory.name_of, work.directory.posts_of(work.actor.person)
    for one in recall.undone:
        element = work.history.element(one)
        name = one.name or element.name or work.package.titles.get(one.element, one.element)
        if one.body:
            continue
        if tells(one.role, name) and (one.claimed or one.ended >= 0) and not knows(own, work.directory):
            return "其后的环节已经开始。"
        if one.scope == recall.first.id and one.form is not None:
            return f"“{name}”已由{name_of(one.finished_by)}签署，撤回会使这份意见作废。需要改动的，请其后的承办人退回。"
        if element.kind in PEOPLE and one.form is not None:
            return f"其后的“{name}”已由{name_of(one.finished_by)}办结。需要改动的，请其后的承办人退回。"
        if element.kind in PEOPLE and one.claimed:
            whom = "您本人" if one.person == work.actor.person else name_of(one.person)
            hint = "请先退签。" if one.person == work.actor.person else "请联系其退签，或由其退回。"
            return f"其后的“{name}”已由{whom}签收。{hint}"
        if element.kind in _HEARD and (one.ended >= 0 or element.kind is Kind.BOUNDARY):
            return f"其后的“{name}”已经发生。"
        if _acted(one, element):
            return f"其后的自动步骤“{name}”已经发出，收不回来。"
    return ""


def _acted(one: Execution, element: Element) -> bool:
    """Whether the execution had an effect outside, or may be having it at this moment."""
    if element.kind in _WORK and one.topic:
        return one.topic not in QUIET
    return one.told or any(event.trigger in _TOLD for event in element.events if element.kind in _THROWS)


_THROWS = frozenset({Kind.THROW, Kind.END})


def why_not_withdrawn(item: int, work: Work) -> str:
    """Why the actor may not take the finished item back; "" when the actor may."""
    try:
        withdrawal(item, work)
    except EngineError as refusal:
        return refusal.message
    return ""
