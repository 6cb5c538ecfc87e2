"""A random day from a seed 日程: instants, what is done at each, by whom, and where power fails. Data, so that it can be
shortened: any part may be left out and the rest still means something.

Choices are kept as fractions (`pick`): they are resolved against what is there when the act's turn comes.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

CLIENTS = ("web1", "web2", "web3")
WORKERS = ("worker1", "worker2")

PEOPLE_DO = {
    "finish": 14, "claim": 2, "release": 1, "return": 2, "start": 3, "cancel": 0.5, "suspend": 1, "resume": 2,
    "message": 1.5, "job done": 3, "job failed": 1.5, "retry": 1, "withdraw": 3.5, "add signer": 4,
    "take back signer": 1.5, "transfer": 1.8, "merge": 0.7, "copy": 1, "read": 0.8, "note": 1, "urge": 1,
}  # fmt: skip

SAME_PLACE = 0.3
"""The share of acts that concern what the one before concerns: two at the same item, or one thing and then its undoing."""

MOVES = {"due": 5, "minutes": 4, "just before": 1, "past several": 2, "days": 0.6, "stand": 2}
"""How the clock moves: to the next instant at which something is due, on by some minutes, one second short of the next
due instant, past several of them in one jump, by days, not at all."""


@dataclass(frozen=True)
class Crash:
    """Power fails for the one who acts: at the `nth` point of this kind that it comes to."""

    where: str  # "before" or "after" a statement, "commit" (before it), "committed" (after it, before the answer)
    nth: int


@dataclass(frozen=True)
class Act:
    """Somebody does something at an instant. `twice`: the same command, under the same id, is asked by two at once."""

    by: str
    what: str
    pick: float = 0.0
    other: float = 0.0
    crash: Crash | None = None
    twice: bool = False

    def __str__(self) -> str:
        said = f"{self.by}: {self.what} {self.pick:.3f}"
        said += " asked twice" if self.twice else ""
        return said + (f", power fails: {self.crash.where} {self.crash.nth}" if self.crash else "")


@dataclass(frozen=True)
class Instant:
    """The clock moves, then these acts happen, interleaved by the seed `mix`."""

    move: str
    pick: float
    mix: int
    acts: tuple[Act, ...]


Schedule = tuple[Instant, ...]


def draw(seed: int) -> Schedule:
    """The schedule of a seed."""
    chance = random.Random(f"schedule {seed}")
    crashes = chance.choice((0.0, 0.15, 0.3, 0.5))
    instants = chance.choice((6, 8, 10))
    first = Instant("stand", 0.0, seed, tuple(Act(by, "start", chance.random()) for by in CLIENTS[:2]))
    return (first, *(_instant(chance, crashes) for _ in range(instants)))


def _instant(chance: random.Random, crashes: float) -> Instant:
    acts: list[Act] = []
    for _ in range(chance.choice((2, 3, 3, 4))):
        what = chance.choices(list(PEOPLE_DO), list(PEOPLE_DO.values()))[0]
        pick, other = chance.random(), chance.random()
        if acts and chance.random() < SAME_PLACE:
            pick, other = acts[-1].pick, acts[-1].other
        twice = chance.random() < 0.12
        acts.append(Act(chance.choice(CLIENTS), what, pick, other, _crash(chance, crashes), twice))
    for by in WORKERS:
        for _ in range(chance.choice((0, 0, 1))):
            acts.append(Act(by, "step", crash=_crash(chance, crashes)))
    chance.shuffle(acts)
    move = chance.choices(list(MOVES), list(MOVES.values()))[0]
    return Instant(move, chance.random(), chance.randrange(10**6), tuple(acts))


def _crash(chance: random.Random, share: float) -> Crash | None:
    if chance.random() >= share:
        return None
    where = chance.choice(("before", "after", "commit", "committed", "committed"))
    return Crash(
        where, chance.randint(1, 25) if where in ("before", "after") else chance.choice((1, 1, 2, 3, 4))
    )


def shorten(schedule: Schedule, fails: Callable[[Schedule], bool], most: int = 80) -> Schedule:
    """The schedule with as much left out as can be while it still fails, within so many tries."""
    tries = 0
    shorter = True
    while shorter:
        shorter = False
        for candidate in _shorter(schedule):
            tries += 1
            if tries > most:
                return schedule
            if fails(candidate):
                schedule, shorter = candidate, True
                break
    return schedule


def _shorter(schedule: Schedule) -> Iterator[Schedule]:
    size = len(schedule) // 2
    while size:
        for start in range(0, len(schedule), size):
            yield schedule[:start] + schedule[start + size :]
        size //= 2
    for at, instant in enumerate(schedule):
        for number, act in enumerate(instant.acts):
            less = instant.acts[:number] + instant.acts[number + 1 :]
            yield schedule[:at] + (replace(instant, acts=less),) + schedule[at + 1 :]
            if act.crash is not None:
                without = instant.acts[:number] + (replace(act, crash=None),) + instant.acts[number + 1 :]
                yield schedule[:at] + (replace(instant, acts=without),) + schedule[at + 1 :]


def told(schedule: Schedule) -> str:
    """For people."""
    return "\n".join(
        f"  clock: {i.move} {i.pick:.3f} (mix {i.mix})" + "".join(f"\n    {act}" for act in i.acts)
        for i in schedule
    )
