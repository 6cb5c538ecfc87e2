"""What people do to their items in the model 办理: claim, release, pass on 转办, urge 催办, finish; and who signs with them 加签、减签,
as the manual says it."""

from __future__ import annotations

from dataclasses import asdict, replace
from datetime import datetime

from tests.faults.simulation.course import Course, is_decided
from tests.faults.simulation.drawing import Node
from tests.faults.simulation.live import OFFICE, POSTS, Done, Fault, Live, Signer


class Desk(Course):
    """A course with people at it."""

    def claim(self, id: int, person: str) -> None:
        item = self.must(self.item(id))
        item.person, item.named = person, False

    def release(self, id: int, person: str) -> None:
        """退签: also by the office while the case is suspended. Of what somebody gives back, who can see to it is told."""
        item = self.item(id)
        if item is None:
            raise Fault("not open", f"item {id} was given back and is not open")
        post, theirs, item.person = (item.role, item.unit), item.person == person, ""
        to = (
            f"{item.role}@{item.unit}" if [p for p in POSTS if POSTS[p] == post] != [person] else f"@{OFFICE}"
        )
        if item.signer is not None:
            to = item.signer.by
        if theirs and to != person:
            self.seen["NoticeSent", f"退签：{self.title(item)} → {to}"] += 1

    def transfer(self, id: int, unit: str, role: str, person: str) -> None:
        """转办: to a unit, or to a person of it; also by the office while the case is suspended."""
        item = self.item(id)
        if item is None:
            raise Fault("not open", f"item {id} was passed on and is not open")
        item.unit, item.role, item.person, item.named = unit, role, person, bool(person)

    def urge(self, id: int, person: str, at: datetime) -> None:
        item = self.must(self.item(id))
        item.urges.append((person, at))
        self.seen["NoticeSent", f"催办：{self.title(item)} → {item.holder}"] += 1

    def title(self, item: Live) -> str:
        """The name of an item."""
        if item.signer is None or item.signer.way == "beside":
            return item.node.id
        assert item.scope is not None
        return ("征求意见：" if item.signer.way == "before" else "后加签：") + item.scope.node.id

    def finish(self, id: int, person: str, answer: int, against: bool) -> None:
        """办结. Who was added after signs next, and the step goes on when all have signed; `against` is their 不同意."""
        item = self.must(self.item(id))
        if item.person not in ("", person):
            raise Fault("not open", f"{person} finished what {item.person} had claimed")
        if item.node.kind == "signer":
            host = item.scope
            assert host is not None
            self.final |= {id, host.id}
            host.finished.append(Done(next(self.order), item.node.id, person, asked=True))
            self.end(item)
            if against and item.signer is not None and item.signer.way == "after":
                self._anew(host, item.signer)
            else:
                self._sign_off(host)
            return
        if any(one.signer and one.signer.way == "before" for one in item.inside):
            raise Fault("signing", f"item {id} was finished before the opinions came that it waits for")
        item.finished.append(Done(next(self.order), item.node.id, person))
        item.answer, item.person = answer, person
        for signer in item.after:
            self._ask(item, signer)
        item.after = []
        self._sign_off(item)

    def _sign_off(self, host: Live) -> None:
        """The step goes on if its holder and all who were added have signed."""
        if host.answer is None or host.inside or host.after:
            return
        self.x = host.answer
        body = host.scope
        if host.node.kind == "round" and body is not None:
            body.opinions.append(host.answer)
            self.leave(host)
            self._count(body)
            self.close_what_is_empty()
            self.settle()
        else:
            self.go_on(host)

    def _count(self, body: Live) -> None:
        """会签: if it is decided, who has not signed need not."""
        back_again = any(one.id in self.kept for one in body.inside)
        if body.node.share is None or back_again or not is_decided(body):
            return
        open_ = [one for one in self.items() if one.scope is body or (one.scope and one.scope.scope is body)]
        if open_:
            self.seen["SigningDecided", body.node.id] += 1
        for one in open_:
            self.seen["NoticeSent", f"“{self.title(one)}”不用再签：会签已有结论 → {one.holder}"] += 1
        for live in list(body.inside):
            self.counts(live, body)
            self.end(live)

    # -- 加签、减签 ----------------------------------------------------------------------------------------

    def add_signer(self, to: int, signer: Signer) -> None:
        """`to`: the item that was meant. 并加签: one more round."""
        item = self.must(self.item(to))
        if signer.way == "beside":
            body = item.scope
            assert body is not None
            body.rounds += 1
            live = self.open_round(body)
            live.unit, live.role, live.person, live.named = signer.unit, signer.role, signer.person, True
            live.signer = signer
            self._told_to_sign(live)
            return
        if not item.person and POSTS.get(signer.by, ())[1:] == (item.unit,):
            raise Fault("signing", f"{signer.by} asks for an opinion on item {to} without having taken it")
        if signer.way == "before":
            self._ask(item, signer)
        else:
            item.after.append(signer)

    def _ask(self, host: Live, signer: Signer) -> None:
        live = self.open(Node(host.node.id, "signer", scope=host.node.scope), host)
        live.unit, live.role, live.person, live.named = signer.unit, signer.role, signer.person, True
        live.signer, live.id = signer, signer.id
        self.seen["WorkItemOffered", host.node.id] += 1
        self._told_to_sign(live)

    def _told_to_sign(self, item: Live) -> None:
        self.seen["NoticeSent", f"加签：{self.title(item)} → {item.holder}"] += 1

    def _anew(self, host: Live, signer: Signer) -> None:
        """后加签不同意: who had finished the step does it once more, within its clocks; then all who had not agreed sign anew."""
        others = [one for one in host.inside if one.signer is not None]
        host.after = [replace(one, id=0) for one in (signer, *(one.signer for one in others)) if one]
        for one in others:
            self.seen["NoticeSent", f"“{self.title(one)}”暂不用签 → {one.holder}"] += 1
            self.end(one)
        host.answer, host.anew, host.named, host.id, host.urges = None, True, True, 0, []
        self.seen["WorkItemOffered", host.node.id] += 1
        self.seen["NoticeSent", f"“{host.node.id}”被退回重新办理：后加签不同意 → {host.holder}"] += 1

    def number_signers(self, id: int, first: int) -> None:
        """The product has given these numbers to those who sign once more after the item."""
        item = self.item(id)
        for number, signer in enumerate(item.after if item is not None else [], first):
            signer.id = number

    def unnumbered(self, said: Signer) -> Signer | None:
        """Who signs once more and has no number yet, by the words with which that one was added."""
        return next((one for _, one in self.signers() if asdict(one) == {**asdict(said), "id": 0}), None)

    def number_signer(self, said: Signer) -> None:
        found = self.unnumbered(said)
        if found is not None:
            found.id = said.id

    def take_back_signer(self, id: int) -> None:
        """减签: of who is asked, of who is still to be asked, or of one of those who sign together."""
        for host, signer in self.signers():
            if signer.id == id:
                live = next((one for one in host.inside if one.signer is signer), None)
                if live is None:
                    host.after.remove(signer)
                else:
                    self._told_off(live)
                    self.end(live)
                self._sign_off(host)
                return
        item = self.must(self.item(id))
        body = item.scope
        if item.node.kind != "round" or body is None:
            raise Fault("signing", f"item {id} was taken back, and nobody was asked to sign it")
        self._told_off(item)
        self.end(item)
        body.rounds -= 1
        self._count(body)
        self.close_what_is_empty()
        self.settle()

    def _told_off(self, item: Live) -> None:
        self.seen["NoticeSent", f"“{self.title(item)}”不用再签：已减签 → {item.holder}"] += 1
