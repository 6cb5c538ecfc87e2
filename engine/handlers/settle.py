"""After every command 派单与自动步骤: route what was offered, run what the engine does itself, until nothing is left.

Whatever goes wrong here becomes an incident on the element concerned; what a person did before it stands.
"""

from __future__ import annotations

import logging
from dataclasses import replace

from engine.assignment import Route, candidates, route
from engine.commands import CompleteJob, FailJob
from engine.errors import EngineError, StepBudgetExceeded
from engine.execution.state import Item, Job
from engine.facts import IncidentRaised, NoticeSent, SigningReturned, WorkItemRouted, WorkItemTransferred
from engine.handlers.topics import TOPICS, JobCall
from engine.handlers.work import Work

NO_ONE = "no_one_to_do_it"
"""Code of the incident of an item that nobody can take."""

MOST_ROUNDS = 1000
"""Items and jobs settled after one command; more means a diagram that never waits."""

log = logging.getLogger(__name__)


def settle(work: Work) -> None:
    """Route and run until every open item lies with someone (or has an incident) and no inline job is left."""
    for _ in range(MOST_ROUNDS):
        item = next((i for i in work.state.items.values() if _unrouted(i, work)), None)
        if item is not None:
            route_item(work, item)
            continue
        job = next((j for j in work.state.jobs.values() if _runnable(j, work)), None)
        if job is None:
            return
        run_job(work, job)
    raise StepBudgetExceeded()


def where_to(work: Work, item: Item) -> Route:
    """Which unit would hold the item by the directory as it is now."""
    try:
        return route(
            item.groups,
            work.package.roles,
            work.context(item.id),
            work.place,
            work.directory,
            work.moment,
            own_unit=work.element(item.id).unit,
            assignee=item.assignee,
        )
    except EngineError as refusal:  # an expression over its budget, an unknown calendar
        return Route("", "", f"派单规则无法计算：{refusal.message}", False)


def route_item(work: Work, item: Item) -> None:
    """Find who holds the item; raise an incident when nobody does."""
    if item.id in work.state.signers:
        _to_signer(work, item)
        return
    sent = next((x for x in work.facts if isinstance(x, SigningReturned) and x.again == item.id), None)
    if sent is not None and sent.unit:
        _back_to_holder(work, item, sent)
        return
    found = where_to(work, item)
    unit, role, basis, holders = found.unit, found.role, found.basis, found.holders
    work.say(WorkItemRouted(id=item.id, unit=unit, role=role, basis=basis))
    named = work.directory.find_person(item.assignee) if item.assignee else None
    away = named is not None and work.directory.absence_of(named.id, role, unit) is not None
    if (
        named is not None and holders and item.person != named.id and not away
    ):  # drawn by name or account, not by id
        work.say(WorkItemTransferred(id=item.id, unit=unit, role=role, person=named.id, reason=basis))
    if not holders:
        nobody(work, item, basis)
    elif not at_hand(work, item):
        nobody(work, item, why_nobody(work, item))


def able(work: Work, item: Item) -> list[str]:
    """Ids of the people who may do the item now."""
    element = work.element(item.id)
    return candidates(item, work.state.performers, element, work.package.titles, work.directory)


def at_hand(work: Work, item: Item) -> list[str]:
    """Those of them who are not away 离岗. Of an item in the hands of who is away: who could take it after a 退签."""
    here = [p for p in able(work, item) if work.directory.absence_of(p, item.role, item.unit) is None]
    if here or not item.person or item.assignee:
        return here
    return at_hand(work, replace(item, person="", behalf=""))


def why_nobody(work: Work, item: Item) -> str:
    """Why nobody is at hand who may do it."""
    title, directory = work.package.role_title(item.role), work.directory
    if item.assignee:
        found = directory.find_person(item.assignee)
        why = "已办理过与之不相容的步骤。请转办"
        if found is None or not found.active:
            why = "已不在岗。请转办，或在通讯录中恢复"
        elif able(work, item):
            why = "已离岗，没有替岗人。请登记替岗人，或转办"
        return f"流程指定由{found.name if found else item.assignee}办理，其人{why}"
    if not directory.holders(item.unit, item.role):
        return f"{item.unit}没有在岗的{title}。请在通讯录中设岗，或转办"
    if able(work, replace(item, person="", behalf="")):
        return f"{item.unit}可以办理的{title}都已离岗，没有替岗人。请登记替岗人，或转办"
    return why_kept_from(work, item)


def why_kept_from(work: Work, item: Item) -> str:
    """Why nobody of those in the post may do it: they have done what must be done by others 不相容岗位分离."""
    steps = "、".join(
        f"“{work.package.titles.get(s, s)}”" for s in work.element(item.id).names("separateFrom")
    )
    return f"{item.unit}在岗的人员都已办理过{steps}，同一人不能再办这一步。请转办给其他单位，或在通讯录中增补人员"


def nobody(work: Work, item: Item, why: str) -> None:
    """Raise the incident of an item that nobody can take."""
    raise_incident(work, item.id, item.element, NO_ONE, f"“{item.name}”没有人可以办理：{why}")


def _to_signer(work: Work, item: Item) -> None:
    """An added signer's item lies with whom the person who added it has named."""
    added, directory = work.state.signers[item.id], work.directory
    by = directory.name_of(added.by)
    basis = f"{by}加签：{added.reason}"
    work.say(WorkItemRouted(id=item.id, unit=added.unit, role=added.role, basis=basis, person=added.person))
    key = f"{work.setting.case}/signer/{item.id}"
    title, body = f"加签：{item.name}", f"{by}请您签署意见。"
    work.say(NoticeSent(added.unit, added.role, added.person, title=title, body=body, key=key, quiet=True))
    if not at_hand(work, item):
        nobody(work, item, f"{added.unit}没有在岗且可以办理的人员，请转办，或减签后另加他人")


def _back_to_holder(work: Work, item: Item, sent: SigningReturned) -> None:
    """A step that an added signer did not agree to lies with who had finished it, or, where that person cannot, with the post."""
    directory = work.directory
    name = directory.name_of(sent.by)
    why = f"，理由：{sent.reason}" if sent.reason else ""
    basis = f"{name}后加签不同意，退回原办理人重新办理{why}"
    there = (sent.role, sent.unit) in directory.own_posts(sent.person) if sent.person else False
    away = there and directory.absence_of(sent.person, sent.role, sent.unit) is not None
    person = sent.person if there and not away else ""
    work.say(WorkItemRouted(item.id, sent.unit, sent.role, basis, person))
    title = f"“{item.name}”被退回重新办理：后加签不同意"
    key = f"{work.setting.case}/{item.id}/again"
    work.say(NoticeSent(sent.unit, sent.role, person, title, f"{basis}。重新办结后再送{name}签。", key))
    if not at_hand(work, item):
        nobody(work, item, why_nobody(work, item))


def run_job(work: Work, job: Job) -> None:
    """Run a registered topic; its failure is an incident on the task."""
    call = JobCall(job.id, job.element, work.state, work.setting)
    try:
        result = TOPICS[job.topic](job.inputs, call)
    except work.setting.fatal:
        raise
    except EngineError as refusal:
        work.advance(FailJob(job.id, refusal.message))
        return
    except Exception as error:
        log.exception("topic %s failed", job.topic)
        work.advance(
            FailJob(job.id, f"自动步骤“{job.topic}”出错（{type(error).__name__}），请联系系统管理员")
        )
        return
    for fact in call.said:
        work.say(fact)
    work.advance(CompleteJob(job.id, result))


def raise_incident(work: Work, owner: int, element: str, code: str, message: str) -> None:
    """The case halts at `owner` until a person deals with it."""
    work.say(IncidentRaised(id=work.state.last + 1, owner=owner, element=element, code=code, message=message))


def incident_of(work: Work, owner: int, code: str = "") -> int:
    """Id of the open incident on an element, 0 for none."""
    for incident in work.state.incidents.values():
        if incident.owner == owner and code in ("", incident.code):
            return incident.id
    return 0


def _unrouted(item: Item, work: Work) -> bool:
    return not item.role and not item.unit and not incident_of(work, item.id)


def _runnable(job: Job, work: Work) -> bool:
    return job.topic in TOPICS and not work.state.suspended and not incident_of(work, job.id)
