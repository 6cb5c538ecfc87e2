"""Who signs what of a case 会签与加签: who has signed with which opinion, who has not, what the count stands at and needs.

Told from the case's facts, so that it says the same of a 会签 that is over, and of signers taken back.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from engine import facts as f
from engine.audit.ledger import Entry
from engine.execution.countersign import opinion_of, signs
from engine.execution.signing import awaited
from engine.execution.state import AFTER, BESIDE
from engine.handlers.signing import WAYS, may_take_back, tally_of
from engine.handlers.visibility import tells
from engine.handlers.work import Work
from web.discretion import Discretion

SIGNED, WAITS, TO_COME, TAKEN, ENDED = "已签", "未签", "待签", "已减签", "不用再签"


@dataclass(slots=True)
class Signature:
    """One who signs. `item` 0: whose turn is still to come. `id` is what 减签 is asked of."""

    id: int
    item: int = 0
    unit: str = ""
    role: str = ""
    person: str = ""
    name: str = ""
    state: str = WAITS
    opinion: str = ""
    note: str = ""
    at: datetime | None = None
    way: str = ""
    by: str = ""
    why: str = ""
    may_take_back: bool = False


@dataclass(slots=True)
class Signing:
    """A 会签 (`together`), or a step with the signers added before and after it. `stands` and `rule` say what is counted."""

    id: int
    title: str
    together: bool
    open: bool
    stands: str = ""
    rule: str = ""
    outcome: str = ""
    signatures: list[Signature] = field(default_factory=list)
    again: set[int] = field(default_factory=set)  # items in which the step was done anew

    def of(self, item: int) -> bool:
        """Whether the item is one of those that sign here, or the step itself."""
        return item == self.id or item in self.again or any(one.item == item for one in self.signatures)


def signings(entries: Iterable[Entry], work: Work, reader: Discretion) -> list[Signing]:
    """All 会签 and steps with added signers, in the order in which they began, as far as the reader may know of them."""
    told = _Told(work)
    for entry in entries:
        told.take(entry)
    found = [one for one in told.found.values() if one.signatures]
    shown = [_shown(one, work, reader) for one in found if reader.reports or not _secret(one)]
    return [one for one in shown if one.together or any(s.way for s in one.signatures)]


def sentences(found: Iterable[Signing], work: Work) -> list[dict[str, str]]:
    """What the case waits for in them, as `queries.explain` says it."""
    said: list[dict[str, str]] = []
    for one in found:
        if one.together and one.open:
            rule = f"；{one.rule}" if one.rule else ""
            said.append({"tone": "info", "text": f"会签“{one.title}”：{one.stands}{rule}。"})
    for item in work.state.items.values():
        if awaited(work.state, item.id):
            text = f"“{item.name}”要等{work.waits_for(item)}的意见，收到后才能办结。"
            said.append({"tone": "info", "text": text})
    holders = {work.state.step_of(id): item for id, item in work.state.items.items()}
    for signer in work.state.signers.values():
        host = holders.get(signer.to)
        if signer.way == AFTER and host is not None:
            whom = (
                work.directory.name_of(signer.person)
                or f"{signer.unit}{work.package.role_title(signer.role)}"
            )
            said.append({"tone": "muted", "text": f"“{host.name}”办结之后，还要{whom}后加签。"})
    return said


class _Told:
    """What the facts have said so far."""

    def __init__(self, work: Work) -> None:
        self.work = work
        self.found: dict[int, Signing] = {}
        self.scopes: dict[int, int] = {}  # element → what is around it
        self.names: dict[int, str] = {}
        self.by_item: dict[int, Signature] = {}
        self.by_id: dict[int, Signature] = {}  # round, or added signer
        self.bodies: dict[int, Any] = {}  # body → how the diagram decides it
        self.loops: dict[tuple[int, int], Signature] = {}

    def take(self, entry: Entry) -> None:
        match fact := entry.fact:
            case f.ElementEntered():
                self._entered(fact)
            case f.SignerAdded():
                self._added(fact)
            case f.WorkItemOffered():
                self._offered(fact)
            case f.WorkItemRouted() | f.WorkItemTransferred():
                if one := self.by_item.get(fact.id):
                    one.unit, one.role, one.person = fact.unit, fact.role, fact.person
            case f.WorkItemClaimed():
                if one := self.by_item.get(fact.id):
                    one.person = fact.person
            case f.WorkItemReleased():
                if one := self.by_item.get(fact.id):
                    one.person = ""
            case f.WorkItemCompleted():
                if one := self.by_item.get(fact.id):
                    one.state, one.person, one.at = SIGNED, fact.person, entry.at
                    one.opinion, one.note = _said(fact.form)
            case f.LoopOutput():
                sign = self.bodies.get(fact.id)
                if sign is not None and (one := self.loops.get((fact.id, fact.index + 1))):
                    one.opinion = opinion_of(fact.value, sign) or one.opinion
            case f.SigningReturned():
                self._sent_back(fact)
            case f.SignerTakenBack():
                if one := self.by_id.get(fact.id):
                    one.state, one.at, one.note = TAKEN, entry.at, fact.reason
            case f.SigningDecided():
                if whole := self.found.get(fact.id):
                    whole.outcome = fact.outcome
                for item in fact.items:
                    if one := self.by_item.get(item):
                        one.state = ENDED

    def _entered(self, fact: f.ElementEntered) -> None:
        self.scopes[fact.id] = fact.scope
        if fact.body and signs(self.work.package, fact.process, fact.element):
            element = self.work.package.processes[fact.process].elements[fact.element]
            self.bodies[fact.id] = element.loop.sign if element.loop is not None else None
            title = self.work.package.titles.get(fact.element, fact.element)
            self.found[fact.id] = Signing(fact.id, title, True, fact.id in self.work.state.instances)
        elif fact.scope in self.bodies and fact.loop:
            one = self.by_id.setdefault(fact.id, Signature(fact.id))
            self.loops[fact.scope, fact.loop] = one
            self.found[fact.scope].signatures.append(one)

    def _added(self, fact: f.SignerAdded) -> None:
        one = Signature(
            fact.id,
            0,
            fact.unit,
            fact.role,
            fact.person,
            state=TO_COME,
            way=WAYS.get(fact.way, ""),
            by=fact.by,
            why=fact.reason,
        )
        self.by_id[fact.id] = one
        if fact.way != BESIDE:
            open_ = fact.to in self.work.state.instances
            whole = self.found.setdefault(
                fact.to, Signing(fact.to, self.names.get(fact.to, ""), False, open_)
            )
            whole.signatures.append(one)

    def _sent_back(self, fact: f.SigningReturned) -> None:
        """The step is done anew, then those who had not agreed sign anew: the one who did not stays on the list with it."""
        whole = self.found[fact.to]
        whole.again.add(fact.again)
        for id, old in enumerate(fact.signers, fact.first):
            was = self.by_id[old]
            way, by, why = was.way, was.by, "重新办结后再签"
            one = Signature(id, 0, was.unit, was.role, was.person, state=TO_COME, way=way, by=by, why=why)
            self.by_id[id] = one
            whole.signatures.append(one)
            if old != fact.id:
                was.state = ENDED

    def _offered(self, fact: f.WorkItemOffered) -> None:
        self.names[fact.id] = fact.name
        one = self.by_id.get(fact.id) or self.by_id.get(self.scopes.get(fact.id, 0))
        if one is None or (one.way and one.id != fact.id and one.item):
            return
        if one.item == 0:
            one.item, one.name, one.state = fact.id, fact.name, WAITS
            self.by_item[fact.id] = one


def _said(form: Any) -> tuple[str, str]:
    """Opinion and what was said about it, of the form of an added signer or of a 会签 that counts nothing."""
    texts = {k: v for k, v in form.items() if isinstance(v, str)}
    opinion = next((texts[k] for k in ("加签意见", "意见", "结论") if texts.get(k)), "")
    return opinion, next((texts[k] for k in ("加签理由", "加签说明") if texts.get(k)), "")


def _secret(whole: Signing) -> bool:
    return tells("", whole.title) or any(tells(one.role, "") for one in whole.signatures)


def _shown(whole: Signing, work: Work, reader: Discretion) -> Signing:
    """As this reader may read it: what units say to each other is not the enterprise's."""
    if whole.together:
        counted = [one for one in whole.signatures if one.state != TAKEN]
        signed = sum(one.state == SIGNED for one in counted)
        whole.stands = f"{signed}/{len(counted)} 已签"
        body = work.state.instances.get(whole.id)
        found = tally_of(work, body) if body is not None else None
        if found is not None:
            whole.stands, whole.rule = (found.stands if reader.inner else whole.stands), found.rule
    if not reader.inner:
        whole.outcome = ""
    for one in whole.signatures:
        if (
            one.state not in (SIGNED, TAKEN, ENDED)
            and one.item
            and one.item not in work.state.items
            or one.state == TO_COME
            and one.id not in work.state.signers
        ):
            one.state = ENDED
        if not reader.inner and one.unit not in reader.units:
            one.opinion = one.note = one.why = ""
        if one.state in (WAITS, TO_COME):
            one.may_take_back = may_take_back(one.item or one.id, work)
    return whole
