"""What an act of the schedule means when its turn comes 想办的事: a command of a person, about what is there then."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeVar

from engine import commands as c
from tests.engine.office_builder import ANNA, BEN, CHIEF
from tests.faults.simulation.case import Case
from tests.faults.simulation.drawing import KEY, Drawing
from tests.faults.simulation.live import BESIDE_DESK, DESK, NAMES, OFFICE, Live
from tests.faults.simulation.model import Model
from tests.faults.simulation.schedule import Act

CARL = c.Actor("carl", NAMES["carl"])
PERSON = {"web1": ANNA, "web2": BEN, "web3": ANNA}
OF_OFFICE = ("cancel", "suspend", "resume", "message", "retry", "merge", "take back signer")
"""What the office does."""

ON_ANY_CASE = ("note", "copy", "read", "withdraw")
"""What may be asked of a case that has ended or is suspended."""

MOST_CASES = 5
PASSES_TO = (("", "carl"), ("", "ben"), ("", "anna"), (BESIDE_DESK, ""), (DESK, ""), (OFFICE, ""))
SIGNS = (*PASSES_TO[:4], ("", "chief"), (OFFICE, ""))
COPIES = (("carl",), ("chief", "DB@" + BESIDE_DESK), ("@" + BESIDE_DESK,), ("ben", "carl"), ("DB@" + DESK,))
SAYS = ("看过了", "@宝音 请看", "@王建军 @其木格 请看", "@陈志远 收到")
OPINIONS = (
    {"加签意见": "同意"}, {"加签意见": "有补充意见", "加签理由": "请注意工期"}, {"加签意见": "不同意", "加签理由": "数据有误"},
)  # fmt: skip
MOSTLY = 0.7
"""The share of what is taken back that may be."""

WHERE_MANY_SIGN = 0.5
"""The share of what is finished that is finished where somebody was added."""

T = TypeVar("T")


@dataclass
class Wanted:
    """A command, who asks it, and of which case. `what`: in the schedule's word."""

    what: str
    case: str
    command: c.Command
    actor: c.Actor


def wanted(act: Act, model: Model, drawing: Drawing, incident: Any) -> Wanted | None:
    """None where there is nothing to do it to. `incident(case)`: the number of one of the case's open incidents, 0 for none."""
    person = CHIEF if act.what in OF_OFFICE else PERSON[act.by]
    if act.what == "start":
        return (
            Wanted("start", "", c.StartCase(KEY, {}, "S"), person) if len(model.cases) < MOST_CASES else None
        )
    state = {"resume": "suspended"}.get(act.what, "" if act.what in ON_ANY_CASE else "open")
    fitting = [i for i, case in model.cases.items() if state in ("", case.state)]
    if not fitting:
        return None
    if act.what == "read":
        fitting = [i for i in fitting if any(not copy.readers for copy in model.cases[i].copies)] or fitting
    if act.what == "withdraw":
        fitting = [i for i in fitting if _undoable(act, model.cases[i])] or fitting
    id = _one(fitting, act.pick)
    case = model.cases[id]
    made = _of_case(act, model, case) or _of_signers(act, case) or _of_item(act, case, drawing, person)
    if act.what == "retry":
        halted, number = any(one.halted for one in case.course.lives), incident(id)
        made = (c.RetryIncident(number), None) if halted and number else None
    if made is None:
        return None
    command, actor = made
    return Wanted(act.what, id, command, actor or _somebody(act, person))


Made = tuple[c.Command, c.Actor | None]


def _somebody(act: Act, person: c.Actor) -> c.Actor:
    """At the third client the neighbours sit, too."""
    return CARL if act.by == "web3" and act.what in ("note", "copy", "read") else person


def _one(of: Sequence[T], pick: float) -> T:
    return of[int(pick * len(of))]


def _of_case(act: Act, model: Model, case: Case) -> Made | None:
    """What concerns a case as a whole."""
    id, other = case.id, act.other
    match act.what:
        case "suspend":
            until = model.now + timedelta(minutes=60 + int(other * 2000)) if other > 0.4 else None
            return c.SuspendCase(id, "不可抗力", until), None
        case "resume":
            return c.ResumeCase(id, "情况消除"), None
        case "cancel":
            return c.CancelCase(id, "重复登记"), None
        case "merge":
            return c.MergeCase(id, _one(list(model.cases), other), "同一处隐患"), None
        case "note":
            copy, reply = int(other * 100) % 2 == 0, int(other * 1000) % 3
            return c.AddNote(id, _one(SAYS, other), reply=max(reply - 1, 0), copy=copy), None
        case "copy":
            people = tuple(to for to in _one(COPIES, other) if "@" not in to)
            return c.CopyCase(
                id, people, tuple(to for to in _one(COPIES, other) if "@" in to), "供了解"
            ), None
        case "read":
            return c.ReadCopies(id), None
        case "message":
            waiting = [
                t
                for one in case.course.lives
                if one.node.kind == "race"
                for t, _ in one.node.flows
                if t[0] == "C"
            ]
            return (c.DeliverMessage(_one(waiting, other)), None) if waiting else None
        case "withdraw":
            done = _undoable(act, case) or _finished(case)
            if not done:
                return None
            item, by = _one(done, other)[:2]
            who = {"anna": ANNA, "ben": BEN, "carl": CARL, "chief": CHIEF}[by]
            return c.WithdrawItem(id, item, "填错了"), who if act.pick * 100 % 1 < 0.8 else BEN
    return None


def _finished(case: Case) -> list[tuple[Any, ...]]:
    """What was finished of late: its number, by whom, what was answered."""
    return [said for _, what, said in case.course.told if what == "finish"][-4:]


def _undoable(act: Act, case: Case) -> list[tuple[Any, ...]]:
    """Of that, what may be taken back; mostly that is meant."""
    if act.pick * 1000 % 1 >= MOSTLY:
        return []
    return [said for said in _finished(case) if case.course.may_withdraw(*said[:2]) is not False]


def _of_signers(act: Act, case: Case) -> Made | None:
    if act.what != "take back signer":
        return None
    ids = [signer.id for _, signer in case.course.signers()]
    ids += [one.id for one in case.course.items() if one.node.kind == "round" and one.id]
    return (c.TakeBackSigner(case.id, _one(ids, act.other), "不用签了"), None) if ids else None


def _of_item(act: Act, case: Case, drawing: Drawing, person: c.Actor) -> Made | None:
    """What concerns an open item. Whoever sits at the desk of its unit asks."""
    items = [one for one in case.course.items() if one.id and _fits(act.what, one, drawing)]
    if act.what == "finish" and act.pick * 100 % 1 < WHERE_MANY_SIGN:
        items = [one for one in items if one.signer or one.inside or one.after or one.anew] or items
    if act.what == "add signer":
        items = sorted(items, key=lambda one: one.node.kind != "round")
    if not items:
        return None
    item = _one(items, act.other)
    id, asked, fine = case.id, item.id, act.pick * 1000
    answer = int(fine) % 3
    unit, who = _one(PASSES_TO, fine % 1)
    made: c.Command | None = None
    match act.what:
        case "finish":
            signs = item.node.kind == "signer"
            made = c.FinishItem(id, asked, OPINIONS[answer] if signs else {"x": answer})
        case "claim":
            made = c.ClaimItem(id, asked)
        case "release":
            made = c.ReleaseItem(id, asked, "另有任务")
        case "return":
            made = c.ReturnItem(id, asked, "材料不齐")
        case "transfer":
            made = c.TransferItem(id, asked, "归口办理", unit, who)
        case "urge":
            made = c.UrgeItem(id, asked, "请抓紧办理")
        case "add signer":
            unit, who = _one(SIGNS, fine % 1)
            rounds = ("beside", "beside", "before", "after")
            way = _one(rounds if item.node.kind == "round" else rounds[2:], fine * 7 % 1)
            made = c.AddSigner(id, asked, way, "听听意见", unit, "", who)
    return (made, _at(item, person, act)) if made is not None else None


def _fits(what: str, item: Live, drawing: Drawing) -> bool:
    """Whether it can be meant at all."""
    if what == "return":
        return bool(drawing.nodes[item.node.id].back)
    return what != "release" or bool(item.person)


def _at(item: Live, person: c.Actor, act: Act) -> c.Actor | None:
    """Who asks about the item: mostly somebody who may."""
    if act.what == "urge":
        return CHIEF if act.pick * 10 % 1 < 0.5 else person
    if item.unit == BESIDE_DESK:
        return CARL
    if item.unit == OFFICE:
        return CHIEF
    named = {"anna": ANNA, "ben": BEN}.get(item.person)
    return named if named is not None and act.pick * 10 % 1 < 0.5 else person
