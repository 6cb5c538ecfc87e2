"""Random processes for both engines 随机流程, from a seed: blocks within blocks, and graphs that are no blocks at all.

A graph is user tasks with a choice after each: any task may follow any other, so there are loops into loops, merges
without gateways and several ways out. Its tasks may be whole blocks: parallel branches and joins, inclusive splits,
subprocesses, called processes, multi-instances, tasks with events at their border, events to choose from. Every way
out of a choice depends on `x`, which whoever finishes a task says.
"""

from __future__ import annotations

import random
from collections.abc import Callable


class Drawing:
    """One process `main`, and what it calls, in the text form of `tests.engine.builders`."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.count = 0
        self.called: list[str] = []
        self.budget = self.random.choice((3, 6, 10, 16))
        lines: list[str] = []
        first, last = self.graph(lines, "  ", self.random.randint(1, 5))
        body = ["  start S", "  end E", *lines, f"  S -> {first}", f"  {last} -> E"]
        self.text = "\n".join(["process main", *body, *self.called])

    def id(self, prefix: str) -> str:
        self.count += 1
        return f"{prefix}{self.count}"

    # -- graphs ------------------------------------------------------------------------------------------

    def graph(self, out: list[str], pad: str, size: int) -> tuple[str, str]:
        """Tasks any of which may follow any other. Gives its entry and its exit."""
        nodes = [self.node(out, pad) for _ in range(size)]
        exit = self.id("out")
        out.append(f"{pad}xor {exit}")
        for at, (_, last) in enumerate(nodes):
            onward = nodes[at + 1][0] if at + 1 < size else exit
            ways = [
                self.random.choice([first for first, _ in nodes] + [exit])
                for _ in range(self.random.randint(0, 2))
            ]
            ways = [way for way in dict.fromkeys(ways) if way != onward]
            if not ways:
                out.append(f"{pad}{last} -> {onward}")
                continue
            choice = self.id("choice")
            out += [f"{pad}xor {choice}", f"{pad}{last} -> {choice}", f"{pad}{choice} -> {onward} default"]
            out += [f"{pad}{choice} -> {way} if {self.condition()}" for way in ways]
        return nodes[0][0], exit

    def condition(self) -> str:
        """True for some answers."""
        return (
            f"x = {self.random.randint(0, 3)}"
            if self.random.random() < 0.7
            else f"x > {self.random.randint(0, 3)}"
        )

    def node(self, out: list[str], pad: str) -> tuple[str, str]:
        self.budget -= 1
        kinds = ("task", "job") if self.budget < 0 else ("task", "job", *_BLOCKS)
        kind = self.random.choice(kinds)
        entry, exit = getattr(self, f"_{kind}")(out, pad)
        return str(entry), str(exit)

    def inside(self, head: str, out: list[str], pad: str) -> None:
        """A subprocess with a graph in it."""
        start, end = self.id("start"), self.id("end")
        out += [f"{pad}{head}", f"{pad}  start {start}"]
        first, last = self.graph(out, pad + "  ", self.random.randint(1, 3))
        out += [f"{pad}  end {end}", f"{pad}  {start} -> {first}", f"{pad}  {last} -> {end}"]

    # -- nodes -------------------------------------------------------------------------------------------

    def _task(self, out: list[str], pad: str) -> tuple[str, str]:
        id = self.id("task")
        out.append(f"{pad}user {id}")
        return id, id

    def _job(self, out: list[str], pad: str) -> tuple[str, str]:
        id = self.id("job")
        out.append(f"{pad}service {id} topic=t")
        return id, id

    def _and(self, out: list[str], pad: str) -> tuple[str, str]:
        return self.branches(out, pad, "and", lambda _: "")

    def _or(self, out: list[str], pad: str) -> tuple[str, str]:
        return self.branches(out, pad, "or", lambda n: f" if {self.condition()}" if n else " default")

    def branches(self, out: list[str], pad: str, kind: str, how: Callable[[int], str]) -> tuple[str, str]:
        fork, join = self.id("fork"), self.id("join")
        out += [f"{pad}{kind} {fork}", f"{pad}{kind} {join}"]
        for number in range(self.random.randint(2, 3)):
            first, last = self.graph(out, pad, self.random.randint(1, 2))
            out += [f"{pad}{fork} -> {first}{how(number)}", f"{pad}{last} -> {join}"]
        return fork, join

    def _sub(self, out: list[str], pad: str) -> tuple[str, str]:
        id = self.id("sub")
        self.inside(f"sub {id}", out, pad)
        return id, id

    def _each(self, out: list[str], pad: str) -> tuple[str, str]:
        id = self.id("each")
        order = self.random.choice((" sequential", ""))
        self.inside(f'sub {id} each="[1,2]" as=n{order}', out, pad)
        return id, id

    def _call(self, out: list[str], pad: str) -> tuple[str, str]:
        id, key, start, end = self.id("call"), self.id("process"), self.id("start"), self.id("end")
        lines: list[str] = []
        first, last = self.graph(lines, "  ", self.random.randint(1, 3))
        self.called += [f"process {key}", f"  start {start}", *lines, f"  end {end}"]
        self.called += [f"  {start} -> {first}", f"  {last} -> {end}"]
        out.append(f"{pad}call {id} called={key}")
        return id, id

    def _watched(self, out: list[str], pad: str) -> tuple[str, str]:
        """Work with an event at its border that stops it and goes another way."""
        event, other, merge = self.id("event"), self.id("task"), self.id("merge")
        id = self.id("sub")
        if self.random.random() < 0.5:
            self.inside(f"sub {id}", out, pad)
        else:
            out.append(f"{pad}user {id}")
        out += [f"{pad}boundary {event} on={id} {self.event()}", f"{pad}user {other}", f"{pad}xor {merge}"]
        out += [f"{pad}{event} -> {other} -> {merge}", f"{pad}{id} -> {merge}"]
        return id, merge

    def _beside(self, out: list[str], pad: str) -> tuple[str, str]:
        """Work with an event at its border that sets something going beside it."""
        id, event, other, end = self.id("task"), self.id("event"), self.id("task"), self.id("end")
        out += [f"{pad}user {id}", f"{pad}boundary {event} on={id} {self.event()} interrupting=false"]
        out += [f"{pad}user {other}", f"{pad}end {end}", f"{pad}{event} -> {other} -> {end}"]
        return id, id

    def _race(self, out: list[str], pad: str) -> tuple[str, str]:
        gate, one, two, merge = self.id("race"), self.id("event"), self.id("event"), self.id("merge")
        out += [f"{pad}event {gate}", f"{pad}catch {one} duration=P1D", f"{pad}catch {two} message={two}"]
        out += [f"{pad}xor {merge}", f"{pad}{gate} -> {one} -> {merge}", f"{pad}{gate} -> {two} -> {merge}"]
        return gate, merge

    def _script(self, out: list[str], pad: str) -> tuple[str, str]:
        id = self.id("script")
        task, _ = self._task(out, pad)
        out += [f'{pad}script {id} result=x do="{self.random.randint(0, 4)}"', f"{pad}{task} -> {id}"]
        return task, id

    def _link(self, out: list[str], pad: str) -> tuple[str, str]:
        throw, catch = self.id("throw"), self.id("catch")
        task, _ = self._task(out, pad)
        out += [
            f"{pad}throw {throw} link={throw}",
            f"{pad}catch {catch} link={throw}",
            f"{pad}{task} -> {throw}",
        ]
        return task, catch

    def event(self) -> str:
        """What an event waits for, under a name of its own."""
        return self.random.choice((f"message={self.id('m')}", "duration=P1D", f"signal={self.id('s')}"))


_BLOCKS = ("and", "or", "sub", "each", "call", "watched", "beside", "race", "script", "link")
