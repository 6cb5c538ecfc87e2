"""A random process from a seed, drawn twice: as nodes for the reference model and as a diagram for the engine.

Blocks within blocks: tasks with clocks at their border, choices and loops, parallel branches, subprocesses that a clock
stops, multi-instances, jobs for outside workers, timers, races, messages and signals to other cases, notices. All clocks
run for one of a few lengths, so that many fall due at one instant.
"""

from __future__ import annotations

import json
import random
from dataclasses import dataclass, field

KEY = "simulated"
MINUTES = (30, 60, 60, 120, 120, 180, 1440)
"""Lengths of the clocks. Few, so that deadlines coincide."""

HEARD, URGED, NEW = "互通", "催办", "新案"
"""The message that every case hears, the signal that every case hears, the message that begins a case."""

CLOCK_STARTS = (180, 360)
"""Minutes after the publication at which the clock begins a case."""

LARGEST_ANSWER = 2
"""Whoever finishes a task answers a whole number from 0 to this."""


@dataclass
class Timer:
    """A clock at the border of `on`. `times`: how often it fires, one interval after the other."""

    id: str
    minutes: int
    times: int
    interrupting: bool
    target: str


@dataclass
class Node:
    """An element. `flows`: target and the answer under which it is taken; None: the default, or the only one."""

    id: str
    kind: str
    flows: list[tuple[str, int | str | None]] = field(default_factory=list)
    timers: list[Timer] = field(default_factory=list)
    inner: str = ""  # the start event inside a subprocess
    back: str = ""  # the task an item may be returned to
    word: str = ""  # name of a message or signal, title of a notice; of a choice: the 会签 that it asks
    minutes: int = 0
    rounds: int = 2  # of a multi-instance
    share: tuple[int, int] | None = None  # 会签: how many of how many have to agree
    veto: bool = False
    waits: bool = False
    scope: str = ""  # the subprocess it is drawn in
    region: frozenset[str] = (
        frozenset()
    )  # what is drawn behind it in its scope, up to where nobody returns to it any more


@dataclass
class Handler:
    """An event subprocess of the case that does not interrupt: by a message, a signal, or a clock."""

    id: str
    trigger: str
    word: str
    minutes: int
    times: int
    inner: str


class Drawing:
    """Nodes by id, handlers, and the files of the package."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(f"drawing {seed}")
        self.nodes: dict[str, Node] = {}
        self.handlers: list[Handler] = []
        self.lines: list[str] = []
        self._count = 0
        self._backs: list[str] = []  # where a task drawn now may be returned to
        self._beside: set[str] = set()  # what a clock begins beside the course
        self._budget = self.random.choice((3, 5, 8, 11))
        self._main()
        self.clock_starts = CLOCK_STARTS if self._chance(0.3) else ()
        self._entries()
        self._handlers()
        self.text = f"process {KEY} name=模拟\n" + "\n".join(f"    {line}" for line in self.lines)

    # -- the course of a case ----------------------------------------------------------------------------

    def _main(self) -> None:
        self._node("S", "start")
        self._node("E", "end")
        self._node("P", "script", "result=x do=0")
        first, last = self._sequence("", "", self.random.randint(1, 3))
        self._flow("", "S", "P")
        self._flow("", "P", first)
        self._flow("", last, "E")

    def _entries(self) -> None:
        """Cases that a message or the clock begins: one task each."""
        self._node("SM", "start", "message=" + NEW)
        if self.clock_starts:
            self._node("ST", "start", f"cycle=R{len(CLOCK_STARTS)}/PT{CLOCK_STARTS[0]}M")
        task = self._node("QK", "user", "groups=DB form=answer")
        self._flow("", "SM", task.id)
        if self.clock_starts:
            self._flow("", "ST", task.id)
        self._flow("", task.id, "E")

    def _handlers(self) -> None:
        self._handler("HM", "message", HEARD, 0, 0, "notice")
        self._handler("HS", "signal", URGED, 0, 0, "user")
        if self._chance(0.6):
            self._handler(
                "HT", "timer", "", self.random.choice((120, 1440)), self.random.choice((1, 3)), "notice"
            )

    def _handler(self, id: str, trigger: str, word: str, minutes: int, times: int, does: str) -> None:
        start = f"{id}s"
        how = f"{trigger}={word}" if word else _clock(minutes, times)
        self.lines.append(f"eventsub {id}")
        self._node(start, "start", how + " interrupting=false", pad="    ", scope=id)
        inside = self._notice("    ", id) if does == "notice" else self._task("    ", id, clocks=False)
        end = self._node(f"{id}e", "end", pad="    ", scope=id)
        self._flow("    ", start, inside[0])
        self._flow("    ", inside[1], end.id)
        self.handlers.append(Handler(id, trigger, word, minutes, times, start))

    def _sequence(self, pad: str, scope: str, size: int) -> tuple[str, str]:
        ends = [self._block(pad, scope) for _ in range(size)]
        for (_, out), (into, _) in zip(ends, ends[1:], strict=False):
            self._flow(pad, out, into)
        return ends[0][0], ends[-1][1]

    def _block(self, pad: str, scope: str) -> tuple[str, str]:
        self._budget -= 1
        kinds = _SMALL if self._budget < 0 else _SMALL + _LARGE
        made: tuple[str, str] = getattr(self, "_" + self.random.choice(kinds))(pad, scope)
        return made

    # -- blocks ------------------------------------------------------------------------------------------

    def _task(self, pad: str, scope: str, clocks: bool = True) -> tuple[str, str]:
        task = self._user(pad, scope)
        exit = task.id
        if clocks:
            for _ in range(self.random.choice((0, 1, 1, 2))):
                exit = self._border(pad, scope, task, exit)
        return task.id, exit

    def _again(self, pad: str, scope: str) -> tuple[str, str]:
        """A task, then one that may be returned to it, then the choice to do both once more."""
        one = self._user(pad, scope)
        two = self._user(pad, scope, back=one.id)
        exit = self._border(pad, scope, two, two.id) if self._chance(0.7) else two.id
        choice = self._new("X")
        self._node(choice, "xor", pad=pad, scope=scope)
        self._flow(pad, one.id, two.id)
        self._flow(pad, exit, choice)
        self._flow(pad, choice, one.id, 1)
        one.region = frozenset({two.id})
        return one.id, choice

    def _far(self, pad: str, scope: str) -> tuple[str, str]:
        """A task, then branches, a subprocess, rounds or a course of whatever kind, out of which it may be returned to."""
        one = self._user(pad, scope)
        drawn = set(self.nodes)
        self._backs.append(one.id)
        what = self.random.choice((self._both, self._both, self._sub, self._each, self._sign, self._block))
        first, last = what(pad, scope)
        self._backs.pop()
        self._flow(pad, one.id, first)
        one.region = frozenset(self.nodes.keys() - drawn - self._beside)
        return one.id, last

    def _choice(self, pad: str, scope: str) -> tuple[str, str]:
        task = self._user(pad, scope)
        split, join = self._new("X"), self._new("X")
        self._node(split, "xor", pad=pad, scope=scope)
        self._node(join, "xor", pad=pad, scope=scope)
        self._flow(pad, task.id, split)
        for answer in (2, None):
            first, last = self._block(pad, scope)
            self._flow(pad, split, first, answer)
            self._flow(pad, last, join)
        return task.id, join

    def _both(self, pad: str, scope: str) -> tuple[str, str]:
        fork, join = self._new("F"), self._new("F")
        self._node(fork, "fork", pad=pad, scope=scope)
        self._node(join, "join", pad=pad, scope=scope)
        for _ in range(self.random.choice((2, 2, 3))):
            first, last = self._block(pad, scope)
            self._flow(pad, fork, first)
            self._flow(pad, last, join)
        return fork, join

    def _sub(self, pad: str, scope: str) -> tuple[str, str]:
        sub = Node(self._new("U"), "sub", scope=scope)
        self.nodes[sub.id] = sub
        self.lines.append(f"{pad}sub {sub.id}")
        deeper = pad + "    "
        start = self._node(self._new("s"), "start", pad=deeper, scope=sub.id)
        end = self._node(self._new("e"), "end", pad=deeper, scope=sub.id)
        first, last = self._sequence(deeper, sub.id, self.random.choice((1, 2)))
        self._flow(deeper, start.id, first)
        self._flow(deeper, last, end.id)
        sub.inner = start.id
        exit = sub.id
        for _ in range(self.random.choice((1, 1, 2))):
            exit = self._border(pad, scope, sub, exit)
        return sub.id, exit

    def _each(self, pad: str, scope: str) -> tuple[str, str]:
        back = self._backs[-1] if self._backs else ""
        words = 'groups=DB form=answer each="[1,2]" as=n' + (f" returnTo={back}" if back else "")
        each = self._node(self._new("M"), "each", words, pad=pad, scope=scope, back=back)
        exit = self._border(pad, scope, each, each.id) if self._chance(0.6) else each.id
        return each.id, exit

    def _sign(self, pad: str, scope: str) -> tuple[str, str]:
        """会签, and a choice by what it comes to."""
        back, id = self._backs[-1] if self._backs else "", self._new("M")
        over, under = self.random.choice(((1, 2), (2, 3), (1, 1)))
        veto, waits = self._chance(0.4), self._chance(0.3)
        says = 'if form.x = 0 then \\"同意\\" else if form.x = 1 then \\"弃权\\" else \\"反对\\"'
        words = f'groups=DB form=answer each="[1,2,3]" as=n passAt={over}/{under} outcome=结果{id}'
        words += f' outputCollection=意见{id} "outputElement={says}"'
        words += " veto=true" * veto + " waitForAll=true" * waits + (f" returnTo={back}" if back else "")
        sign = self._node(id, "each", words, pad=pad, scope=scope, back=back)
        sign.rounds, sign.share, sign.veto, sign.waits = 3, (over, under), veto, waits
        asks, merge = self._new("X"), self._new("X")
        self._node(asks, "xor", pad=pad, scope=scope, word=id)
        passed, failed = self._notice(pad, scope)[0], self._user(pad, scope).id
        self._flow(pad, id, asks)
        self._flow(pad, asks, passed, "通过")
        self._flow(pad, asks, failed)
        self._node(merge, "xor", pad=pad, scope=scope)
        self._flow(pad, passed, merge)
        self._flow(pad, failed, merge)
        return id, self._border(pad, scope, sign, merge) if self._chance(0.4) else merge

    def _job(self, pad: str, scope: str) -> tuple[str, str]:
        job = self._node(self._new("J"), "job", "topic=outside", pad=pad, scope=scope)
        exit = self._border(pad, scope, job, job.id) if self._chance(0.4) else job.id
        return job.id, exit

    def _wait(self, pad: str, scope: str) -> tuple[str, str]:
        node = self._node(self._new("W"), "timer", pad=pad, scope=scope, minutes=self.random.choice(MINUTES))
        return node.id, node.id

    def _race(self, pad: str, scope: str) -> tuple[str, str]:
        race = self._node(self._new("R"), "race", pad=pad, scope=scope)
        clock = self._node(self._new("W"), "timer", pad=pad, scope=scope, minutes=self.random.choice(MINUTES))
        heard = self._node(self._new("C"), "catch", pad=pad, scope=scope)
        merge = self._node(self._new("X"), "xor", pad=pad, scope=scope)
        for way in (clock.id, heard.id):
            self._flow(pad, race.id, way)
            self._flow(pad, way, merge.id)
        return race.id, merge.id

    def _throw(self, pad: str, scope: str) -> tuple[str, str]:
        word = self.random.choice((HEARD, HEARD, URGED, URGED, NEW))
        kind = "signal" if word == URGED else "message"
        node = self._node(self._new("T"), "throw", f"{kind}={word}", pad=pad, scope=scope, word=word)
        return node.id, node.id

    def _notice(self, pad: str, scope: str) -> tuple[str, str]:
        id = self._new("N")
        how = f'topic=notice.send "in:title=\\"{id}\\"" "in:unit=\\"能源局\\"" "in:role=\\"DB\\""'
        self._node(id, "notice", how, pad=pad, scope=scope, word=id)
        return id, id

    # -- pieces ------------------------------------------------------------------------------------------

    def _border(self, pad: str, scope: str, host: Node, exit: str) -> str:
        """A clock at a node's border. Gives where the block is left now."""
        id, minutes = self._new("B"), self.random.choice(MINUTES)
        interrupting = self._chance(0.5)
        times = 1 if interrupting else self.random.choice((1, 1, 3))
        host_clock = _clock(minutes, times)
        self.lines.append(
            f"{pad}boundary {id} on={host.id} {host_clock}" + ("" if interrupting else " interrupting=false")
        )
        self._backs.append(self._backs[-1] if interrupting and self._backs else "")
        first = self._user(pad, scope).id if self._chance(0.3) else self._notice(pad, scope)[0]
        self._backs.pop()
        host.timers.append(Timer(id, minutes, times, interrupting, first))
        self.lines.append(f"{pad}{id} -> {first}")
        if interrupting:
            merge = self._node(self._new("X"), "xor", pad=pad, scope=scope)
            self._flow(pad, first, merge.id)
            self._flow(pad, exit, merge.id)
            return merge.id
        end = self._node(self._new("e"), "end", pad=pad, scope=scope)
        self._flow(pad, first, end.id)
        self._beside |= {first, end.id}
        return exit

    def _user(self, pad: str, scope: str, back: str = "") -> Node:
        back = back or (self._backs[-1] if self._backs else "")
        words = "groups=DB form=answer" + (f" returnTo={back}" if back else "")
        return self._node(self._new("A"), "user", words, pad=pad, scope=scope, back=back)

    def _node(
        self,
        id: str,
        kind: str,
        words: str = "",
        *,
        pad: str = "",
        scope: str = "",
        word: str = "",
        minutes: int = 0,
        back: str = "",
    ) -> Node:
        node = Node(id, kind, word=word, minutes=minutes, scope=scope, back=back)
        self.nodes[id] = node
        if kind == "timer":
            words = f"duration=PT{minutes}M"
        elif kind == "catch":
            words = f"message={id}"
        elif kind in ("user", "each"):
            words = f"name={id} {words}"
        self.lines.append(f"{pad}{_WORDS.get(kind, kind)} {id} {words}".rstrip())
        return node

    def _flow(self, pad: str, source: str, target: str, answer: int | str | None = None) -> None:
        self.nodes[source].flows.append((target, answer))
        way = ""
        if self.nodes[source].kind == "xor" and answer is not None:
            asks = self.nodes[source].word
            way = f' if 结果{asks} = "{answer}"' if asks else f" if x = {answer}"
        elif any(a is not None for _, a in self.nodes[source].flows):
            way = " default"
        self.lines.append(f"{pad}{source} -> {target}{way}")

    def _new(self, prefix: str) -> str:
        self._count += 1
        return f"{prefix}{self._count}"

    def _chance(self, share: float) -> bool:
        return self.random.random() < share


def _clock(minutes: int, times: int) -> str:
    return f"duration=PT{minutes}M" if times == 1 else f"cycle=R{times}/PT{minutes}M"


_SMALL = ("task", "task", "again", "job", "wait", "notice", "throw", "throw")
_LARGE = (
    "task",
    "again",
    "choice",
    "both",
    "sub",
    "sub",
    "each",
    "sign",
    "sign",
    "sign",
    "race",
    "throw",
    "far",
    "far",
    "far",
)
_WORDS = {
    "fork": "and", "join": "and", "notice": "service", "job": "service", "timer": "catch", "race": "event",
    "each": "user",
}  # fmt: skip

TOML = f"""
[package]
key = "{KEY}"
title = "模拟"
owner = "安委办"
main = "{KEY}"

[roles.DB]
title = "督办部门承办人"

[roles.AWB]
title = "安委办经办人"

[start.S]
title = "登记"
roles = ["DB", "AWB"]

[start.SM]
title = "来文"
roles = ["AWB"]

[register]
title = '"模拟"'

[number]
series = "模"
format = "{{series}}〔{{year}}〕{{number}}号"
"""

FORM = {
    "schemaVersion": 19,
    "type": "default",
    "id": "answer",
    "components": [{"label": "答", "type": "number", "key": "x", "id": "F1"}],
}


def files(drawing: Drawing) -> dict[str, bytes]:
    """The package's files."""
    from tests.engine.builders import xml

    return {
        "process.toml": TOML.encode(),
        f"{KEY}.bpmn": xml(drawing.text),
        "forms/answer.json": json.dumps(FORM, ensure_ascii=False).encode(),
    }
