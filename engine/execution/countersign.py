"""会签: several are asked at once, and what they say decides: a share that has to agree, a veto, all or as many as it takes.

What each has said is read from what the rounds of the multi-instance deliver (`outputCollection`), so that a gateway, a
letter and the page count the same opinions.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from engine.definitions.model import Countersign, Kind, Loop, Package
from engine.execution.run import Halt, Run
from engine.execution.state import Instance, State
from engine.facts import NoticeSent, SigningDecided
from engine.feel.numbers import MATH
from engine.values import Value

AGREE, ABSTAIN = "同意", "弃权"
"""[P] What an opinion says to agree or to abstain (so does saying nothing); anything else that is said objects 反对."""

PASSED, FAILED = "通过", "不通过"


@dataclass(frozen=True, slots=True)
class Tally:
    """What a 会签 stands at. `needed` is how many of `total` have to agree; `share` the drawn share as it is written."""

    total: int
    agreed: int
    against: int
    abstained: int
    needed: int
    share: str
    veto: bool
    waits: bool

    @property
    def signed(self) -> int:
        return self.agreed + self.against + self.abstained

    @property
    def outcome(self) -> str:
        """What it comes to if nobody else signs."""
        vetoed = self.veto and self.against > 0
        return PASSED if self.agreed >= self.needed and not vetoed else FAILED

    @property
    def decided(self) -> bool:
        """Whether it goes on without hearing the others."""
        if self.waits:
            return self.signed >= self.total
        vetoed = self.veto and self.against > 0
        out_of_reach = self.agreed + self.total - self.signed < self.needed
        return vetoed or out_of_reach or self.agreed >= self.needed

    @property
    def stands(self) -> str:
        """3/5 已签，2 同意、1 反对."""
        parts = ((self.agreed, "同意"), (self.against, "反对"), (self.abstained, "弃权"))
        said = "、".join(f"{count} {word}" for count, word in parts if count)
        return f"{self.signed}/{self.total} 已签" + (f"，{said}" if said else "")

    @property
    def rule(self) -> str:
        """达到 2/3（4 方）同意即通过，一票否决."""
        how = f"达到 {self.share}" if self.needed < self.total else "全部"
        count = f"（{self.needed} 方）" if self.needed < self.total else ""
        then = "为通过，等各方签完" if self.waits else "即通过"
        return f"{how}{count}同意{then}" + ("，一票否决" if self.veto else "")

    def __str__(self) -> str:
        return f"{self.stands}；{self.rule}"


def tally(run: Run, body: Instance, loop: Loop, collected: Iterable[Value]) -> Tally | None:
    """What the 会签 stands at with these results; None for a multi-instance that is none. Raises `Halt` for a share that is
    no part of a whole."""
    sign = loop.sign
    if sign is None:
        return None
    total = body.rounds
    opinions = [opinion_of(one, sign) for one in collected]
    agreed, abstained = opinions.count(AGREE), opinions.count(ABSTAIN) + opinions.count("")
    share = run.value(sign.share, body)
    if isinstance(share, bool) or not isinstance(share, int | Decimal) or not 0 < share <= 1:
        raise Halt(
            "expression_failed",
            f"会签的通过比例“{sign.share.text}”没有得到大于 0、不超过 1 的数，请检查它用到的参数。",
        )
    return Tally(
        total,
        agreed,
        len(opinions) - agreed - abstained,
        abstained,
        needed(share, total),
        _written(sign.share.text, share),
        sign.veto,
        sign.waits,
    )


def needed(share: int | Decimal, total: int) -> int:
    """How many of `total` have to agree: the fewest whose part, as FEEL divides, reaches the share."""
    return next(
        (n for n in range(total + 1) if total and MATH.divide(Decimal(n), Decimal(total)) >= share), total
    )


def opinion_of(delivered: Value, sign: Countersign) -> str:
    """What one has said: the delivered text itself, or the context's entry for the opinion."""
    found = delivered.get(sign.opinion) if isinstance(delivered, dict) else delivered
    return found if isinstance(found, str) else ""


def _written(text: str, share: int | Decimal) -> str:
    """A share as it is drawn where that is a plain fraction, else in per cent."""
    plain = text.replace(" ", "")
    if "/" in plain and plain.replace("/", "").isdigit():
        return plain
    percent = MATH.multiply(Decimal(share), Decimal(100)).normalize()
    return f"{percent.quantize(Decimal('0.1')).normalize():f}%"


def decided(run: Run, body: Instance) -> None:
    """A multi-instance of people goes on without hearing all: it is put on record, and who need not sign is told."""
    if not body.children or not signs(run.package, body.process, body.element):
        return
    state = run.state
    items = [
        i.id
        for i in state.items.values()
        if (i.unit or i.person) and (i.id in body.children or state.instances[i.id].scope in body.children)
    ]
    if not items:
        return
    element = run.element(body)
    found = tally(run, body, element.loop, run.collected(body)) if element.loop is not None else None
    outcome, stands = (found.outcome, found.stands) if found is not None else ("", "")
    run.emit(SigningDecided(body.id, tuple(items), outcome, stands))
    how = f"{outcome}（{stands}）" if found is not None else "不需要再签"
    for id in items:
        tell(
            run,
            id,
            f"“{state.items[id].name}”不用再签：会签已有结论",
            f"会签已有结论：{how}，这件待办已撤下。",
        )


def tell(run: Run, item: int, title: str, body: str) -> None:
    """Tell who holds an open item that it ends without them."""
    held = run.state.items[item]
    if held.unit or held.person:
        run.emit(NoticeSent(held.unit, held.role, held.person, title, body, f"{run.case}/{item}/ended"))


def around(package: Package, state: State, item: int) -> tuple[Instance, Instance] | None:
    """The round of a 会签 that an open item belongs to, and the 会签's body; None where it belongs to none. Not for items of
    added signers who sign before or after somebody."""
    instance: Instance | None = state.instances[item]
    for _ in range(2):  # the item's own element, or the subprocess with its clocks
        if instance is None or instance.loop:
            break
        instance = state.instances.get(instance.scope)
    body = state.instances.get(instance.scope) if instance is not None and instance.loop else None
    if instance is None or body is None or not body.body or not signs(package, body.process, body.element):
        return None
    return instance, body


def signs(package: Package, process_key: str, id: str) -> bool:
    """Whether a multi-instance is a 会签 for people: its rounds are one step of people each, be it with clocks around it."""
    process = package.processes[process_key]
    element = process.elements[id]
    if element.loop is None or element.loop.kind == "standard":
        return False
    if element.kind in (Kind.USER, Kind.MANUAL):
        return True
    if element.kind is not Kind.SUBPROCESS:
        return False
    inside = [e for e in process.elements.values() if e.scope == element.id]
    people = [e for e in inside if e.kind in (Kind.USER, Kind.MANUAL)]
    return len(people) == 1 and not any(e.kind in (Kind.SUBPROCESS, Kind.CALL) for e in inside)
