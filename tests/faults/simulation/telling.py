"""Telling the model what people and others have done 告知模型: read from the facts of one command, and held against what that
command asked for and against what might be asked.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from engine import commands as c
from engine.runtime.relay import _receipt
from tests.faults.simulation.allowed import may, named
from tests.faults.simulation.case import Case, Copy
from tests.faults.simulation.drawing import KEY
from tests.faults.simulation.letters import Letter
from tests.faults.simulation.live import Fault, Signer
from tests.faults.simulation.model import Model

Said = Mapping[str, Any]


class Teller:
    """`asked`: what people ask for, by the commands' ids. `jobs`: the elements of jobs. `locked`: job → the worker that holds
    it, and until when."""

    def __init__(self, model: Model) -> None:
        self.model = model
        self.asked: dict[str, tuple[c.Command, str]] = {}
        self.jobs: dict[tuple[str, int], str] = {}
        self.locked: dict[tuple[str, int], tuple[str, datetime]] = {}
        self._letters: dict[
            str, tuple[str, str, int]
        ] = {}  # key in the outbox → name, sender, which of those

    def letter_written(self, key: str, name: str, case: str) -> None:
        same = sum((what, by) == (name, case) for what, by, _ in self._letters.values())
        self._letters[key] = (name, case, same)

    def tell(self, id: str, facts: list[Said], command: str) -> None:
        """One command's facts."""
        model, first, kinds = self.model, facts[0], [fact["kind"] for fact in facts]
        asked, person = self.asked.get(command, (None, ""))
        if first["kind"] == "CaseStarted":
            letter = self._letter(command, f"{KEY}/{first['start']}")
            model.started(id, first["start"], first.get("person", ""), letter)
        case = model.cases.get(id)
        if case is None:
            raise Fault("start", f"{id} has facts and never began")
        judged = asked is not None and not isinstance(asked, c.StartCase | c.RetryIncident)
        if asked is not None and judged and may(model, case, asked, person) is False:
            raise Fault("allowed", f"{person} had to be refused: {asked}")
        due = self._copies_due(case, asked, person)
        sent = sorted(receiver(fact) for fact in facts if fact["kind"] == "CaseCopied")
        read = sorted(fact["id"] for fact in facts if fact["kind"] == "CopyRead")
        if (sent, read) != due:
            raise Fault("copy", f"copies went to {sent} and {read} were read, not {due}")
        if first["kind"] in ("MessageReceived", "SignalReceived"):
            model.delivered(first["name"], id, self._letter(command, id))
        elif first["kind"] == "CaseSuspended":
            case.suspend(first["until"])
        elif first["kind"] == "CaseResumed":
            case.resume()
            case.course.pass_due()
        elif first["kind"] == "IncidentResolved" and "JobOffered" in kinds:
            self._retried(case, facts)
        for fact in facts:
            told = _TOLD.get(fact["kind"])
            if told is not None:
                told(self, case, fact, asked, person)
                case.desks |= {one.unit for one in case.course.items()}
        if "WorkItemTakenBack" in kinds:
            case.course.pass_due()

    def _letter(self, command: str, receiver: str) -> Letter | None:
        """The letter that this command delivered to the receiver; None where it delivered none. The command's id begins with
        the letter's own receipt, also where a mutant makes every try another command."""
        for key, (name, sender, nth) in self._letters.items():
            if command.startswith(_receipt(key, receiver)):
                return self.model.letters.sent_by(name, sender, nth)
        return None

    def _copies_due(self, case: Case, asked: c.Command | None, person: str) -> tuple[list[str], list[int]]:
        """To whom the command has copies sent, and which it makes read."""
        if isinstance(asked, c.CopyCase):
            wanted = dict.fromkeys((*asked.people, *asked.posts))
            return sorted(to for to in wanted if not case.unread(to)), []
        if isinstance(asked, c.AddNote):
            return sorted(one for one in named(asked.text, person) if not case.sees(one)), []
        return [], case.mine(person) if isinstance(asked, c.ReadCopies) else []

    # -- jobs --------------------------------------------------------------------------------------------

    def _retried(self, case: Case, facts: list[Said]) -> None:
        for fact in facts:
            if fact["kind"] == "JobOffered":
                live = case.course.job(fact["id"])
                if live is None or not live.halted:
                    raise Fault("job", f"job {fact['id']} was offered again though nothing was wrong with it")
                case.course.tell("job_retried", live.id)

    def _job(self, case: Case, fact: Said, asked: c.Command | None, person: str) -> None:
        if self.model.drawing.nodes[self.jobs[case.id, fact["id"]]].kind != "job":
            return
        live = case.course.job(fact["id"])
        if live is None or case.state != "open" or live.halted:
            raise Fault("job", f"{fact['kind']} of job {fact['id']} of {case.id}, which does not wait")
        self.locked.pop((case.id, live.id), None)
        if fact["kind"] == "JobCompleted":
            case.course.tell("job_done", live.id)
        else:
            case.course.tell("job_failed", live.id, fact["retries_left"])

    def _offered(self, case: Case, fact: Said, asked: c.Command | None, person: str) -> None:
        element, job = fact["element"], fact["kind"] == "JobOffered"
        if not job or self.model.drawing.nodes[element].kind == "job":
            case.course.tell("name", element, fact["id"], job)

    # -- items -------------------------------------------------------------------------------------------

    def _item(self, case: Case, fact: Said, asked: c.Command | None, person: str) -> None:
        kind, id = fact["kind"], fact["id"]
        course, meant = case.course, getattr(asked, "item", 0)
        again = isinstance(asked, c.WithdrawItem)  # who had it has it again, under another number
        if meant and id != meant and not again:
            raise Fault("not open", f"{kind} of item {id}, and item {meant} was meant")
        item = course.item(id)
        seen_to = case.state == "suspended" and isinstance(asked, c.TransferItem | c.ReleaseItem)
        if item is None or not (case.state == "open" or seen_to):
            raise Fault("not open", f"{kind} of item {id} of {case.id}, which is not open")
        if kind == "WorkItemClaimed":
            if again and fact["person"] != item.person:
                raise Fault("withdraw", f"item {id} went to {fact['person']} and not back to {item.person}")
            course.tell("claim", id, fact["person"])
        elif kind == "WorkItemReleased":
            course.tell("release", id, person)
        elif kind == "WorkItemTransferred":
            if isinstance(asked, c.TransferItem) and (
                asked.person != fact["person"] or asked.unit not in ("", fact["unit"])
            ):
                raise Fault("transfer", f"item {id} went to {fact['unit']} {fact['person']}: {asked}")
            course.tell("transfer", id, fact["unit"], fact["role"], fact["person"])
        elif kind == "WorkItemCompleted":
            case.workers.add(fact["person"])
            against = fact["form"].get("加签意见") == "不同意"
            course.tell("finish", id, fact["person"], int(fact["form"].get("x", 0)), against)
        elif kind == "WorkItemUrged":
            course.tell("urge", id, fact["by"], fact["at"])
        else:
            course.tell("send_back", id, fact["person"])

    def _taken_back(self, case: Case, fact: Said, asked: c.Command | None, person: str) -> None:
        case.course = case.course.taken_back(fact["id"], fact["person"])

    def _signer(self, case: Case, fact: Said, asked: c.Command | None, person: str) -> None:
        words = (fact[word] for word in ("id", "way", "unit", "role", "person", "by"))
        added = Signer(*words)
        if isinstance(
            asked, c.WithdrawItem
        ):  # whose opinion was wanted in what is open again is asked once more
            if case.course.unnumbered(added) is None:
                raise Fault("signing", f"who was not asked before is asked after 撤回: {fact}")
            case.course.tell("number_signer", added)
            return
        if not isinstance(asked, c.AddSigner):
            raise Fault("signing", f"a signer was added and nobody asked for it: {fact}")
        if (fact["way"], fact["by"], fact["person"]) != (asked.way, person, asked.person):
            raise Fault("signing", f"another signer was added than was asked: {fact}")
        case.course.tell("add_signer", asked.item, added)

    def _signer_gone(self, case: Case, fact: Said, asked: c.Command | None, person: str) -> None:
        if not isinstance(asked, c.TakeBackSigner):
            raise Fault("signing", f"a signer was taken back and nobody asked for it: {fact}")
        case.course.tell("take_back_signer", asked.item)

    def _signing_anew(self, case: Case, fact: Said, asked: c.Command | None, person: str) -> None:
        item = case.course.item(fact["again"])
        if item is None or not item.anew or len(item.after) != len(fact["signers"]):
            raise Fault("signing", f"a step is done anew, and nobody who was added did not agree: {fact}")
        if (item.unit, item.role, item.person) != (fact["unit"], fact["role"], fact["person"]):
            raise Fault("signing", f"a step is done anew by another than had finished it: {fact}")
        case.course.tell("number_signers", item.id, fact["first"])

    # -- around ------------------------------------------------------------------------------------------

    def _note(self, case: Case, fact: Said, asked: c.Command | None, person: str) -> None:
        told = named(fact["text"], person)
        if sorted(told) != sorted(fact.get("mentions", ())):
            raise Fault("note", f"{fact['text']} told {fact.get('mentions')}")
        case.note(fact["number"], person, told)

    def _copied(self, case: Case, fact: Said, asked: c.Command | None, person: str) -> None:
        case.copy(fact["id"], receiver(fact), told=isinstance(asked, c.CopyCase))

    def _read(self, case: Case, fact: Said, asked: c.Command | None, person: str) -> None:
        case.copies[fact["id"] - 1].readers.add(fact["person"])

    def _joined(self, case: Case, fact: Said, asked: c.Command | None, person: str) -> None:
        self.model.joined(case.id, fact["other"])
        brought = [*fact.get("people", ()), *fact.get("posts", ())]
        if brought and fact.get("first") != len(case.copies) + 1:
            raise Fault("copy", f"{case.id} got the copies of {fact['other']} under the wrong numbers")
        case.copies += [Copy(to, joined=True) for to in brought]

    def _merged(self, case: Case, fact: Said, asked: c.Command | None, person: str) -> None:
        if not fact.get("passes"):
            case.merge(fact["into"])

    def _cancelled(self, case: Case, fact: Said, asked: c.Command | None, person: str) -> None:
        case.course.tell("over", "cancelled")


Telling = Callable[[Teller, Case, Said, c.Command | None, str], None]

_ITEM = (
    "WorkItemClaimed", "WorkItemReleased", "WorkItemTransferred", "WorkItemCompleted", "WorkItemReturned",
    "WorkItemUrged",
)  # fmt: skip
_TOLD: dict[str, Telling] = dict.fromkeys(_ITEM, Teller._item) | {
    "CaseCancelled": Teller._cancelled,
    "JobCompleted": Teller._job,
    "JobFailed": Teller._job,
    "WorkItemOffered": Teller._offered,
    "JobOffered": Teller._offered,
    "WorkItemTakenBack": Teller._taken_back,
    "SignerAdded": Teller._signer,
    "SignerTakenBack": Teller._signer_gone,
    "SigningReturned": Teller._signing_anew,
    "NoteAdded": Teller._note,
    "CaseCopied": Teller._copied,
    "CopyRead": Teller._read,
    "CaseJoined": Teller._joined,
    "CaseMerged": Teller._merged,
}


def receiver(fact: Said) -> str:
    """Whom a notice or a copy goes to: a person, or a post (`role@unit`)."""
    return fact.get("person") or f"{fact.get('role', '')}@{fact.get('unit', '')}"
