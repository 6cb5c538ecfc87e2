"""What an expression may cost 计算限额: limits that hold whatever a diagram's author writes.

The work of an expression without loops is bounded by its length. Everything that can repeat (iterations, filters,
calls of an author's functions, functions over lists and texts) charges its run for the nodes it evaluates, so
that a bomb ends after a few milliseconds and never takes the worker with it.
"""

from __future__ import annotations

from engine.calendar import Moment
from engine.errors import BudgetExceeded

SOURCE_LIMIT = 10_000  # characters of an expression
DEPTH_LIMIT = 64  # nesting of an expression, of calls, and of values
STEP_LIMIT = 75_000  # nodes evaluated in one run
DECISION_LIMIT = 500_000  # the same for a decision with everything it requires
TEXT_LIMIT = 100_000  # characters of a text that an expression makes
LIST_LIMIT = 20_000  # entries of a list that an expression makes
VALUE_LIMIT = 100_000  # values inside a result, however nested


class Run:
    """One evaluation, or one decision with all its cells: the moment and what is left of the budget."""

    __slots__ = ("calls", "moment", "steps")

    def __init__(self, moment: Moment, steps: int = STEP_LIMIT) -> None:
        self.moment = moment
        self.steps = steps
        self.calls = 0

    def charge(self, steps: int) -> None:
        """Take `steps` from the budget. Raises `BudgetExceeded`."""
        self.steps -= steps
        if self.steps < 0:
            raise BudgetExceeded("表达式计算量超出限制，已停止。请缩小列表或循环的范围。")

    def enter(self) -> None:
        """One more call of an author's function inside another."""
        self.calls += 1
        if self.calls > DEPTH_LIMIT:
            raise BudgetExceeded(f"函数相互调用超过 {DEPTH_LIMIT} 层，已停止。请检查是否存在无限递归。")

    def leave(self) -> None:
        self.calls -= 1

    def text(self, length: int) -> None:
        """A text of this length is about to be made. Raises `BudgetExceeded`."""
        if length > TEXT_LIMIT:
            raise BudgetExceeded(f"表达式生成的文字超过 {TEXT_LIMIT} 字，已停止。")
        self.charge(length >> 6)

    def entries(self, length: int) -> None:
        """A list of this length is about to be made or walked. Raises `BudgetExceeded`."""
        if length > LIST_LIMIT:
            raise BudgetExceeded(f"表达式生成的列表超过 {LIST_LIMIT} 项，已停止。")
        self.charge(length >> 1)


def too_deep() -> BudgetExceeded:
    """The refusal for values or calls nested beyond the limit."""
    return BudgetExceeded(f"表达式或数据嵌套超过 {DEPTH_LIMIT} 层，已停止。请拆分为几个较短的表达式。")
