"""What the reference model is made of 参照模型的零件: tokens and scopes, clocks, who signs, and the office's people."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from tests.faults.simulation.drawing import Node

RETRIES = 3
"""Attempts a job has before it becomes an incident."""

DESK, BESIDE_DESK, OFFICE = "能源局", "应急局", "安委办"
"""The unit that gets every step, another one that can do them, and the office that runs the process."""

POSTS = {"anna": ("DB", DESK), "ben": ("DB", DESK), "carl": ("DB", BESIDE_DESK), "chief": ("AWB", OFFICE)}
"""The post of each person."""

NAMES = {"anna": "王建军", "ben": "其木格", "carl": "宝音", "chief": "陈志远"}

ITEMS = ("user", "round", "signer")
"""Kinds of what a person does."""


class Fault(BaseException):
    """The product did something else than what had to be. `check`: which of the checks saw it. Raised inside the product's own
    calls, it must not be caught there."""

    def __init__(self, check: str, what: str) -> None:
        super().__init__(f"{check}: {what}")
        self.check = check


@dataclass(eq=False)
class Signer:
    """Who is to sign as well 加签. `id`: the product's number; `item`: the token, once it is this one's turn."""

    id: int
    way: str
    unit: str
    role: str
    person: str
    by: str


@dataclass(frozen=True)
class Done:
    """What somebody has finished. `at`: a place in the order of things; `asked`: the opinion of one who was added to the step."""

    at: int
    name: str
    by: str
    asked: bool = False


@dataclass(eq=False)
class Live:
    """A token that waits, or a scope with tokens in it."""

    node: Node
    scope: Live | None
    inside: list[Live] = field(default_factory=list)
    unit: str = DESK
    role: str = "DB"
    person: str = ""  # who has claimed the item
    named: bool = (
        False  # it lies with the person because somebody chose so, not because that one has claimed it
    )
    id: int = 0  # the product's number of the item or job, once seen
    retries: int = RETRIES
    halted: bool = False  # the job has failed its last attempt
    gone: bool = False
    joined: dict[str, int] = field(default_factory=dict)  # tokens waiting at joins of this scope
    finished: list[Done] = field(default_factory=list)  # in this scope
    began: dict[str, int] = field(default_factory=dict)  # in this scope: when what is drawn began last
    urges: list[tuple[str, datetime]] = field(default_factory=list)
    signer: Signer | None = None  # whose opinion this is, or who was added to the rounds
    after: list[Signer] = field(default_factory=list)  # who signs when the holder has finished
    answer: int | None = None  # what the holder has finished it with, while others still sign
    anew: bool = False  # it is done once more, because who was added after did not agree
    rounds: int = 0  # of a 会签: who signs, but for who was taken back
    opinions: list[int] = field(default_factory=list)  # of a 会签: what was answered

    @property
    def is_item(self) -> bool:
        return self.node.kind in ITEMS and self.answer is None

    @property
    def holder(self) -> str:
        """Whom a notice about it reaches."""
        return self.person or f"{self.role}@{self.unit}"


@dataclass(eq=False)
class Armed:
    """A clock that runs. `due` None: it stands still with `remaining` of office hours."""

    order: int
    element: str
    owner: Live
    due: datetime | None
    minutes: int
    left: int  # firings after this one
    remaining: timedelta = timedelta(0)
