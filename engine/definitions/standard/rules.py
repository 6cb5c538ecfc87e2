"""How a rule of the standard is written 规则: what it forbids, where the standard says so, and what to do instead.

A check yields the element that is wrong, alone or with what else its sentence names. `plays` marks a rule whose breach the
kernel can bear: `duban play` plays such a diagram, `duban check` refuses it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from engine.definitions.reading import Node
from engine.definitions.standard.drawing import Drawing

Wrong = Iterator[Node | tuple[Node, dict[str, str]]]
Check = Callable[[Drawing], Wrong]


@dataclass(frozen=True, slots=True)
class Rule:
    """`says` and `remedy` make one sentence; `{it}` in them is the element."""

    key: str
    clause: str
    says: str
    remedy: str
    check: Check
    plays: bool = False

    def sentence(self, fields: dict[str, str]) -> str:
        shown = {name: " ".join(text.split())[:60] for name, text in fields.items()}
        return f"{self.says.format(**shown)}，请{self.remedy.format(**shown)}。"


RULES: dict[str, Rule] = {}


def rule(key: str, clause: str, says: str, remedy: str, *, plays: bool = False) -> Callable[[Check], Check]:
    """Register a check under a stable name."""

    def register(check: Check) -> Check:
        assert key not in RULES, key
        RULES[key] = Rule(key, clause, says, remedy, check, plays)
        return check

    return register
