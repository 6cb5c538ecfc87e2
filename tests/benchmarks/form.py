"""What people fill in at each step of the process that the benchmarks play: `FORM` is the form, `FILLED` its answers, and
`LAST` those that end the case after the fourth step."""

from __future__ import annotations

from typing import Any

FORM = {
    "schemaVersion": 19,
    "type": "default",
    "id": "opinion",
    "title": "办理意见",
    "components": [
        {"type": "textarea", "key": "意见", "label": "意见", "id": "F1", "validate": {"required": True, "maxLength": 4000}},
        {"type": "radio", "key": "结论", "label": "结论", "id": "F2", "validate": {"required": True},
         "values": [{"label": "同意", "value": "同意"}, {"label": "退回", "value": "退回"}]},
        {"type": "number", "key": "金额", "label": "金额（万元）", "id": "F3", "validate": {"min": 0, "max": 100000}},
    ],
}  # fmt: skip
FILLED: dict[str, Any] = {"意见": "现场情况属实，同意按方案治理。", "结论": "同意", "金额": 12.5}
LAST = FILLED | {"结论": "退回"}
