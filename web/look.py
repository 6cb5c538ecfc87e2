"""Looking at a case as the engine would decide 只看不办: what is allowed is asked of the handlers, never guessed here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import wraps
from typing import Any, NoReturn, TypeVar, cast

from flask import Response, after_this_request

from engine.assignment import candidates, has, may_take
from engine.commands import Actor
from engine.definitions.model import Package
from engine.directory import ENTERPRISE
from engine.errors import Conflict, EngineError, MovedOn, NotAllowed
from engine.execution.history import History
from engine.execution.state import Item, State
from engine.handlers.actions import is_heard, may_call
from engine.handlers.choices import Choices, known_unit, own_enterprises
from engine.handlers.copying import works_on
from engine.handlers.going_back import is_theirs, losses_of, repeated, return_ways, why_not_withdrawn
from engine.handlers.setting import Setting
from engine.handlers.signing import WAYS, may_add, ways
from engine.handlers.urging import must_be_theirs_to_urge
from engine.handlers.work import Work
from engine.runtime.engine import related_cases
from engine.values import Value, plain
from web.context import the_engine

View = TypeVar("View", bound=Callable[..., Any])


def _no_numbers(series: str, year: int) -> NoReturn:
    raise NotAllowed("查看时不能编号。")


def looked_at_again(view: View) -> View:
    """Look once more where the case moved on between the reading of its state and of what came before: a page is never refused
    for that."""

    @wraps(view)
    def twice(*given: Any, **named: Any) -> Any:
        try:
            return view(*given, **named)
        except MovedOn:
            return view(*given, **named)

    return cast(View, twice)


def look(case: str, actor: Actor, state: State | None = None) -> Work:
    """The case as handlers see it. Nothing that is done to it is kept. Raises `NotFound`."""
    engine = the_engine()

    def related(_: State) -> list[Value]:
        with engine.read() as c:
            return related_cases(c, case)

    package = engine.package_of(case)
    state = state if state is not None else engine.load(case)
    return Work(
        state,
        Setting(
            package,
            engine.directory(),
            engine.moment(),
            actor,
            case,
            _no_numbers,
            related=related,
            history=lambda package: _past(case, package),
        ),
    )


def _past(case: str, package: Package) -> History:
    """What came of what in the case; nobody else's until the request is answered."""
    engine = the_engine()
    with engine.read() as c:
        past = engine.pasts.read(c, case, package)

    @after_this_request
    def looked_at(response: Response) -> Response:
        engine.pasts.keep(past)
        return response

    return past.history


def choices(work: Work) -> Choices:
    """The lists a form of this case may choose from, as the handlers will check them."""
    return Choices(
        work.directory, work.package.roles, lambda: work.setting.related(work.state), work.actor.person
    )


def refusal(work: Work, item: Item) -> str:
    """Why the actor may not do the item now; "" when the actor may."""
    try:
        work.must_do(item)
    except EngineError as error:
        return error.message
    return "案件已挂起，恢复后才能办理。" if work.state.suspended else ""


def hindrance(work: Work, item: Item) -> str:
    """Why the actor cannot finish the item now: may not, or waits for an opinion 前加签; "" when nothing stands in the way."""
    try:
        work.must_not_wait(item)
    except EngineError as error:
        return refusal(work, item) or error.message
    return refusal(work, item)


def abilities(work: Work, item: Item) -> dict[str, bool]:
    """What the actor may do with an open item: finish, claim, release, transfer, return."""
    running = not work.state.suspended and not work.state.ended
    able = running and refusal(work, item) == ""
    mine = has(work.actor, item, work.directory)
    office = work.in_office()
    takes = may_take(work.actor, item, work.directory)
    return {
        "finish": able and hindrance(work, item) == "",
        "claim": able and not item.person,
        "release": running and bool(item.person) and (mine or office),
        "transfer": running and (takes or office) and (not item.person or mine or office),
        "return": able and bool(return_ways(item, work)),
        "urge": running and urging(work, item) is not None,
    }


def targets(work: Work, item: Item) -> list[dict[str, Any]]:
    """Steps the item may be returned 退回 to, the nearest first, each with whose work is withdrawn with it and which automatic
    steps will act a second time."""
    return [
        {
            "id": way.to,
            "name": work.package.titles.get(way.to, way.to),
            "withdraws": [
                {
                    "item": loss.item,
                    "step": loss.step,
                    "person": loss.person,
                    "who": work.directory.name_of(loss.person) if loss.person else "",
                    "unit": loss.unit,
                    "role": loss.role,
                    "done": loss.done,
                }
                for loss in losses_of(way.recall, work, item.id)
            ],
            "repeats": repeated(way.recall, work),
        }
        for way in return_ways(item, work)
    ]


def submitted(work: Work, item: int) -> dict[str, Any]:
    """The form of an item that was taken back 撤回, as it had been submitted."""
    one = work.history.executions.get(item)
    before = work.history.executions.get(one.again) if one is not None else None
    return dict(plain(before.form)) if before is not None and before.form else {}


def withdrawal(work: Work, item: int, row: Mapping[str, Any]) -> dict[str, Any]:
    """Whether the actor may take back 撤回 an item that is closed (`row` of `work_items`), and if not, why; "" where it is not
    the actor's to take back at all."""
    by, behalf, role, unit = row["closed_by"], row["behalf"], row["role"], row["unit"]
    theirs = bool(by) and is_theirs(work.actor.person, by, behalf, role, unit, work.directory)
    mine = row["state"] == "finished" and theirs and not work.state.ended
    why = why_not_withdrawn(item, work) if mine else ""
    return {"able": mine and not why, "why": why}


def urging(work: Work, item: Item) -> str | None:
    """Why the actor, who may urge the item 催办, may not do so again today; "" when now; None for who may not at all."""
    setting = replace(work.setting, urges_a_day=the_engine().urges_a_day())
    try:
        must_be_theirs_to_urge(item, Work(work.state, setting))
    except Conflict as spent:
        return spent.message
    except EngineError:
        return None
    return ""


def candidates_of(work: Work, item: int) -> dict[str, list[dict[str, str]]]:
    """Who may do the item (people of the unit that holds it), and the units it may be transferred 转办 to."""
    found = work.state.items.get(item)
    if found is None:
        return {"people": [], "units": []}
    free = replace(found, person="", behalf="")
    able = candidates(free, work.state.performers, work.element(item), work.package.titles, work.directory)
    members = set(work.directory.members(found.unit, found.role)) or set(able)
    people = [p for p in able if p in members and not work.directory.absence_of(p, found.role, found.unit)]
    own = own_enterprises(work.actor.person, work.directory)
    units = [
        u
        for u in work.directory.units_with(found.role)
        if own is None or u in own or work.directory.units[u].kind != ENTERPRISE
    ]
    return {
        "people": [{"id": p, "name": work.directory.name_of(p)} for p in people],
        "units": [{"id": u, "name": work.directory.units[u].name} for u in units],
    }


def may_be_added(work: Work, item: Item) -> dict[str, Any]:
    """The ways in which the asker can add a signer at an open item, and whom: posts before the people in them, unit by unit.

    Of enterprises only the case's own: the others have nothing to do with it.
    """
    if not may_add(work, item):
        return {"ways": [], "signers": []}
    directory, actor = work.directory, work.actor.person
    party = work.register("party")
    found: list[dict[str, str]] = []
    for unit in directory.units.values():
        known = known_unit(unit.id, actor, directory)
        if not unit.active or not known or (unit.kind == ENTERPRISE and unit.id not in (party, item.unit)):
            continue
        posts = [p for p in directory.posts if p.unit == unit.id and directory.members(unit.id, p.role)]
        for role in dict.fromkeys(p.role for p in posts):
            if (unit.id, role) != (item.unit, item.role):
                name = f"{work.package.role_title(role)}（岗位）"
                found.append({"id": f"{role}@{unit.id}", "name": name, "unit": unit.name})
        people = dict.fromkeys(p.person for p in posts if p.person in directory.members(unit.id, p.role))
        found += [
            {"id": person, "name": directory.name_of(person), "unit": unit.name}
            for person in people
            if person not in (actor, item.person)
        ]
    return {"ways": [{"key": way, "name": WAYS[way]} for way in ways(work, item)], "signers": found}


def is_to_come(work: Work, id: int) -> bool:
    """Whether this is a signer whose turn is still to come 后加签: there is no work item yet."""
    return id in work.state.signers and id not in work.state.items


def actions(work: Work) -> list[dict[str, str]]:
    """What the actor may ask of the case now 申请: the package's actions that are open to this person."""
    if work.state.ended or work.state.suspended:
        return []
    return [
        {"key": a.key, "title": a.title, "form": a.form}
        for a in work.package.actions.values()
        if may_call(a, work) and is_heard(a, work)
    ]


def powers(work: Work) -> dict[str, bool]:
    """Whether the actor may suspend, resume or cancel the case."""

    def may(parameter: str) -> bool:
        try:
            work.must_hold(parameter, "")
        except EngineError:
            return False
        return True

    try:
        work.must_write()
        writes = True
    except EngineError:
        writes = False
    ended, suspended = bool(work.state.ended), work.state.suspended
    return {
        "suspend": not ended and not suspended and may("suspend_roles"),
        "resume": not ended and suspended and may("suspend_roles"),
        "cancel": not ended and may("cancel_roles"),
        "retry": not ended and work.in_office(),
        "note": writes,
        "send_copies": writes and not work.state.merged and works_on(work),
        "merge": writes and not ended and work.in_office(),
        "office": work.in_office(),
    }
