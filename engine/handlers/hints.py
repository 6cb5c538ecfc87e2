"""Hints 疑似虚假整改: a machine noticed something of a picture; a reviewer says what it is worth. Nothing else reads them.

Reviewers are the office, and in each case the people of the units that do one of its review steps (`evidence_review` of the
package). Whoever handed the picture in is never one of them, for this picture.
"""

from __future__ import annotations

from engine.commands import JudgeHint
from engine.errors import InputInvalid, NotFound
from engine.facts import HintJudged
from engine.handlers.setting import HintInfo
from engine.handlers.work import Work, reason_given

REVIEW_STEPS = "evidence_review"
"""The package's parameter: ids of the steps whose holders see hints."""

VERDICTS = {"confirmed": "核实", "dismissed": "排除"}


def may_review(work: Work, uploaded_by: str, unit: str) -> bool:
    """Whether the actor may know of hints on a picture that `uploaded_by` handed in with a step of `unit` ("": none)."""
    if not work.actor.person or work.actor.person == uploaded_by:
        return False
    if work.in_office():
        return True
    units = {unit for _, unit in work.directory.posts_of(work.actor.person)}
    if unit in units or units & {u for _, u in work.directory.posts_of(uploaded_by)}:
        return False
    steps = work.package.parameters.get(REVIEW_STEPS)
    named = [s for s in steps.value if isinstance(s, str)] if steps and isinstance(steps.value, list) else []
    holding = any(i.element in named and i.unit in units for i in work.state.items.values())
    return holding or any(work.actor.person in work.state.performers.get(step, ()) for step in named)


def judge_hint(command: JudgeHint, work: Work) -> None:
    """核实或排除: the reviewer's word on a hint, with the reason. It may be changed by another word later."""
    work.must_see()
    found: HintInfo | None = work.setting.hint(command.hint)
    if (
        found is None
        or found.case != work.setting.case
        or not may_review(work, found.uploaded_by, found.unit)
    ):
        raise NotFound("没有这条提示，或者您无权查看。")
    work.must_write()
    if command.verdict not in VERDICTS:
        raise InputInvalid("结论应为核实（confirmed）或排除（dismissed）。", field="verdict")
    reason = reason_given(command.reason, VERDICTS[command.verdict])
    if (found.verdict, found.reason) == (command.verdict, reason):
        return
    work.say(HintJudged(found.id, found.file, found.uploaded_by, found.said, command.verdict, reason))
