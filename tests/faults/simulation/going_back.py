"""What goes back in the model 退回与撤回.

退回 is read from the drawing. 撤回 is what the case would have come to if that one thing had not been done: the course is played
again without it, and what cannot be played then came of it.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from datetime import datetime

from tests.faults.simulation.course import finished
from tests.faults.simulation.desk import Desk
from tests.faults.simulation.live import Fault, Live

BEGINS = ("finish", "send_back", "job_done", "job_failed", "job_retried")
"""Whoever does one of these to what came of a step has begun with it."""

PASSES_BY = ("claim", "release", "transfer", "urge", "add_signer", "take_back_signer", "offer_again")
"""These leave nothing behind once the item is gone."""


@dataclass
class Without:
    """The case as it would be had an item not been finished. `begun`: what has come of it can no longer be undone."""

    course: BackCourse
    begun: bool


class BackCourse(Desk):
    """A course in which work can go back."""

    def send_back(self, id: int, person: str) -> None:
        """退回: everything drawn behind the step it goes back to is taken away where that step is drawn; what a clock began beside
        the course stays. Who loses work by it is told, but not who did it."""
        live = self.must(self.item(id))
        nodes = self.drawing.nodes
        back = nodes[nodes[live.node.id].back]
        scope = live.scope
        assert scope is not None
        while scope is not self.root and scope.node.id != back.scope:
            assert scope.scope is not None
            scope = scope.scope
        gone = [one for one in scope.inside if one.node.id in back.region]
        undone = [
            one
            for one in scope.finished
            if one.at > scope.began[back.id]
            and (one.name in back.region or (one.name == back.id and one.asked))
        ]
        told = {one.by for one in undone}
        for one in gone:
            told |= {done.by for done in finished(one)} | _holders(one, live)
        for to in told - {person}:
            self.seen["NoticeSent", f"“{live.node.id}”被退回 → {to}"] += 1
        scope.finished = [one for one in scope.finished if one not in undone]
        for one in gone:
            self.end(one)
        for join in [join for join in scope.joined if join in back.region]:
            del scope.joined[join]
        self.go(back.id, scope)
        self.settle()

    # -- 撤回 --------------------------------------------------------------------------------------------

    def without(self, id: int) -> Without:
        """The case played again without the finishing of an item."""
        begun = False
        moment = [self.now()]
        again = BackCourse(self.drawing, None, lambda: moment[0], Counter())
        for at, what, said in self.told:
            moment[0] = at
            if what == "finish" and said[0] == id:
                again.tell("keep", id, said[2])
                continue
            if what == "fire" and not any((a.element, a.due) == said for a in again.armed):
                begun = not again.remind(said[0]) or begun
                continue
            if what in BEGINS or what in PASSES_BY:
                there = again.job(said[0]) if what.startswith("job") else again.item(said[0])
                added = any(signer.id == said[0] for _, signer in again.signers())
                if there is None and not (what == "take_back_signer" and added):
                    begun = begun or what in BEGINS
                    continue
            if what == "hear" and not again.hears(said[0]) and not again.waits_for(said[0]):
                begun = True
                continue
            again.tell(what, *said)
        begun = begun or any(self.acted[key] > again.acted[key] for key in self.acted)
        return Without(again, begun)

    def remind(self, element: str) -> bool:
        """A clock of a step that is not there has fired. What it began beside the course stays; whether that is all it did."""
        for host in self.drawing.nodes.values():
            for timer in host.timers:
                if timer.id == element and not timer.interrupting:
                    around = [self.root, *self.lives]
                    scope = next((one for one in around if one.node.id == host.scope), None)
                    if scope is None:
                        return False
                    self.tell("beside", element, timer.target, host.scope)
                    return True
        return False

    def beside(self, element: str, target: str, scope: str) -> None:
        self.record("DeadlinePassed", element)
        self.go(target, next(one for one in [self.root, *self.lives] if one.node.id == scope))
        self.settle()

    def keep(self, id: int, answer: int) -> None:
        """What was answered stays, though the step is to be done again."""
        self.kept.add(id)
        self.x = answer

    def waits_for(self, name: str) -> bool:
        return any(
            target == name for one in self.lives if one.node.kind == "race" for target, _ in one.node.flows
        )

    def finished_by(self, id: int) -> str:
        """Who has finished the item; "" for nobody."""
        return next((said[1] for _, what, said in self.told if what == "finish" and said[0] == id), "")

    def may_withdraw(self, id: int, person: str) -> bool | None:
        """Whether the person may take back the item. None: the manual leaves it open."""
        if self.state != "open" or self.finished_by(id) != person or id in self.final:
            return False
        found = self.without(id)
        item = found.course.item(id)
        if item is None or found.begun:
            return False
        if any(one.id == id for one in self.lives):
            return None  # whoever was added after has not signed yet
        came = self.came_of(found)
        if any(one.person and not one.named for one in came):
            return False
        again = [one for one in found.course.items() if self.item(one.id) is None]
        if any(one.person or one.inside or one.after for one in came) or any(one.inside for one in again):
            return None
        return True

    def came_of(self, found: Without) -> list[Live]:
        """The open items that would not be there."""
        return [one for one in self.items() if found.course.item(one.id) is None]

    def taken_back(self, id: int, person: str) -> BackCourse:
        """The course after 撤回. Its items are new ones with their old clocks; whose item is gone is told."""
        found = self.without(id)
        if found.begun or found.course.item(id) is None:
            raise Fault("allowed", f"{person} took back item {id}, of which something has come")
        for to in {one.holder for one in self.came_of(found)} - {person}:
            self.seen["NoticeSent", f"“{self._named(found, id)}”被撤回 → {to}"] += 1
        course = found.course
        course.around, course.now, course.seen = self.around, self.now, self.seen
        first = [one for one in course.items() if one.id == id]
        others = [one for one in course.items() if one.id != id and self.item(one.id) is None]
        for one in first + sorted(
            others, key=lambda one: one.node.kind == "signer"
        ):  # opinions are asked for last
            course.tell("offer_again", one.id)
        return course

    def _named(self, found: Without, id: int) -> str:
        item = found.course.item(id)
        assert item is not None
        return item.node.id

    def offer_again(self, id: int) -> None:
        item = self.must(self.item(id))
        self.kept.discard(id)
        item.id, item.urges = 0, []
        item.after = [replace(signer, id=0) for signer in item.after]
        if item.node.kind == "signer" and item.signer is not None:
            item.signer = replace(item.signer, id=0)
            self._told_to_sign(item)
        self.lives.remove(item)  # it waits for its number behind those who were asked before
        self.lives.append(item)
        self.seen["WorkItemOffered", item.node.id] += 1
        for armed in sorted((a for a in self.armed if a.owner is item), key=lambda a: a.order):
            armed.order = next(self.order)


def _holders(live: Live, but: Live) -> set[str]:
    """Who holds the open items in here, by person or post."""
    found = {live.holder} if live.is_item and live is not but else set()
    if live.node.kind in ("user", "round") and live.answer is not None:
        found = {live.holder}
    return found.union(*(_holders(one, but) for one in live.inside))


def due_running(course: Desk) -> tuple[tuple[str, datetime | None], ...]:
    """The clocks that run now."""
    return tuple((a.element, a.due) for a in course.armed if a.due is not None)
