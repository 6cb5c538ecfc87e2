"""Every way to refuse 拒绝. An `EngineError` knows its code and its fields, and no HTTP.

A refusal is written for the person who caused it: what happened, where, and what to do next, in Chinese.
`web/errors.py` holds the only table from codes to status numbers.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar


class EngineError(Exception):
    """操作未能完成。"""  # what people read where nothing closer is said: one sentence

    code: ClassVar[str] = "engine_error"

    def __init__(self, message: str | None = None, **fields: Any) -> None:
        self.message = message or (type(self).__doc__ or "").strip()
        self.fields = fields
        super().__init__(self.message)


class NotFound(EngineError):
    """没有找到这条记录，或者您无权查看。"""

    code = "not_found"


class NotAllowed(EngineError):
    """您的岗位不能办理这一步。"""

    code = "not_allowed"


class SeparationOfDuties(NotAllowed):
    """同一事项的这两步不能由同一人办理，请转交本单位其他人员。"""

    code = "separation_of_duties"


class NotOpen(EngineError):
    """这一步已经办结或已撤销，请刷新页面查看最新情况。"""

    code = "not_open"


class AlreadyClaimed(EngineError):
    """这一步已由他人签收。"""

    code = "already_claimed"


class Suspended(EngineError):
    """案件已挂起，恢复后才能办理。"""

    code = "suspended"


class FormInvalid(EngineError):
    """表单有误，请按提示修改后再提交。"""

    code = "form_invalid"  # `fields["errors"]` maps a field's key to its list of sentences


class Conflict(EngineError):
    """内容已被他人更新，请刷新后重试。"""

    code = "conflict"


class MovedOn(Conflict):
    """案件刚刚有了变化，请刷新页面后重试。"""


class InputInvalid(EngineError):
    """提交的内容格式不正确。"""

    code = "input_invalid"


class ExpressionInvalid(EngineError):
    """表达式写法有误。"""

    code = "expression_invalid"


class ExpressionFailed(EngineError):
    """表达式无法算出结果。"""

    code = "expression_failed"


class BudgetExceeded(ExpressionFailed):
    """表达式计算量超出限制，已停止。"""

    code = "budget_exceeded"


class CalendarUnknown(EngineError):
    """该年度的节假日安排尚未确认，请先在“工作日历”中维护。"""

    code = "calendar_unknown"


class DefinitionRefused(EngineError):
    """流程检查未通过，未发布。"""

    code = "definition_refused"  # `fields["findings"]` is the list of `Finding`


class StepBudgetExceeded(EngineError):
    """流程在一次办理中自动走了太多步，可能存在没有等待点的循环，已停止。"""

    code = "step_budget_exceeded"


@dataclass(frozen=True, slots=True)
class Finding:
    """One remark on a definition: which rule, which element, which line, what to do instead (Chinese)."""

    severity: str  # "error" refuses the deployment, "warning" does not
    rule: str
    message: str
    file: str = ""
    element: str = ""
    line: int = 0
    path: tuple[str, ...] = ()  # the elements and flows passed on the way to the fault, in order

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line else self.file
        return f"{place} {self.element} [{self.rule}] {self.message}".strip()


class BackupBroken(EngineError):
    """备份或存档不完整，或者被改动，不能使用。"""

    code = "backup_broken"
