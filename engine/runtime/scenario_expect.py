"""What a scenario expects 情景期望: one small function a key of `expect`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from engine import facts as fact_kinds
from engine.clock import SHANGHAI
from engine.commands import ENGINE, Actor
from engine.handlers.visibility import may_see
from engine.handlers.work import Work
from engine.runtime.scenario_file import Step, instant, is_bare_date, outside
from engine.values import plain

if TYPE_CHECKING:
    from engine.runtime.scenario_stage import Stage


def expect(stage: Stage, step: Step) -> None:
    """Compare the case with what the step says; every difference is a failure."""
    for key, wanted in step.data.items():
        _KEYS[key](stage, step, wanted)


def _open(stage: Stage, step: Step, wanted: list[str]) -> None:
    items = list(stage.state.items.values())
    rest = list(items)
    for name in wanted:
        found = next((i for i in rest if name in (i.element, i.name)), None)
        if found is None:
            break
        rest.remove(found)
    else:
        if not rest:
            return
    stage.fail(step, f"待办 {sorted(wanted)}", sorted(f"{i.element} {i.name}" for i in items))


def _status(stage: Stage, step: Step, wanted: str) -> None:
    if stage.state.status != wanted:
        stage.fail(step, f"状态 {wanted}", stage.state.status)


def _variables(stage: Stage, step: Step, wanted: Mapping[str, Any]) -> None:
    actual = stage.state.root_variables
    for name, value in wanted.items():
        if plain(actual.get(name)) != plain(outside(value)):
            stage.fail(step, f"{name} = {plain(value)}", f"{name} = {plain(actual.get(name))}")


def _due(stage: Stage, step: Step, wanted: Mapping[str, Any]) -> None:
    for name, value in wanted.items():
        found = [i.due for i in stage.state.items.values() if name in (i.element, i.name)]
        if not found:
            stage.fail(step, f"{name} 的期限 {value}", "没有这个待办")
        elif not any(_same_instant(due, value, step) for due in found):
            stage.fail(step, f"{name} 的期限 {value}", [local_text(d) for d in found])


def _at(stage: Stage, step: Step, wanted: Any) -> None:
    if not _same_instant(stage.now, wanted, step):
        stage.fail(step, f"时间 {wanted}", local_text(stage.now))


def _holder(stage: Stage, step: Step, wanted: Mapping[str, Any]) -> None:
    for name, value in wanted.items():
        found = [i for i in stage.state.items.values() if name in (i.element, i.name)]
        names = [(i.unit, i.person, stage.directory.name_of(i.person)) for i in found]
        if not any(value in held for held in names):
            stage.fail(
                step,
                f"{name} 在 {value}",
                [i.unit or i.person or "无人" for i in found] or "没有这个待办",
            )


def _deadlines(stage: Stage, step: Step, wanted: Mapping[str, Any]) -> None:
    for name, value in wanted.items():
        found = sorted(
            d.due
            for d in stage.state.deadlines.values()
            if name in (d.element, stage.package.titles.get(d.element)) and d.due is not None
        )
        if value is None:
            if found:
                stage.fail(step, f"没有时限 {name}", [local_text(d) for d in found])
        elif not any(_same_instant(due, value, step) for due in found):
            stage.fail(step, f"时限 {name} 在 {value}", [local_text(d) for d in found] or "没有这个时限")


def _incidents(stage: Stage, step: Step, wanted: list[str]) -> None:
    actual = sorted(i.code for i in stage.state.incidents.values())
    if actual != sorted(wanted):
        messages = [f"{i.code} {i.element}：{i.message}" for i in stage.state.incidents.values()]
        stage.fail(step, f"异常 {sorted(wanted)}", messages)


def _ended(stage: Stage, step: Step, wanted: Any) -> None:
    state = stage.state
    actual = {state.ended, state.end, stage.package.titles.get(state.end, "")} if state.ended else {False}
    if wanted not in actual:
        stage.fail(step, f"结束于 {wanted}", sorted(str(a) for a in actual if a) or "未结束")


def _facts(stage: Stage, step: Step, wanted: list[str]) -> None:
    kinds = {fact.kind for fact in stage.facts}
    for kind in wanted:
        if kind not in kinds:
            stage.fail(step, f"有事实 {kind}", "没有")


def _notices(stage: Stage, step: Step, wanted: list[str]) -> None:
    titles = [f.title for f in stage.facts if isinstance(f, fact_kinds.NoticeSent)]
    for text in wanted:
        if not any(text in title for title in titles):
            stage.fail(step, f"有通知“{text}”", titles)


def _seeing(stage: Stage, names: list[str]) -> dict[str, bool]:
    """Whether each of these people may see the case."""
    view = Work(stage.state, stage.setting(ENGINE)).view
    found = {name: stage.directory.find_person(name) for name in map(str, names)}
    return {n: p is not None and may_see(Actor(p.id), view, stage.directory) for n, p in found.items()}


def _sees(stage: Stage, step: Step, wanted: list[str]) -> None:
    without = [name for name, sees in _seeing(stage, wanted).items() if not sees]
    if without:
        stage.fail(step, f"{wanted} 看得到本案", f"{without} 看不到")


def _blind(stage: Stage, step: Step, wanted: list[str]) -> None:
    seeing = [name for name, sees in _seeing(stage, wanted).items() if sees]
    if seeing:
        stage.fail(step, f"{wanted} 看不到本案", f"{seeing} 看得到")


def _urged(stage: Stage, step: Step, wanted: Mapping[str, Any]) -> None:
    for name, times in wanted.items():
        found = [len(i.urges or ()) for i in stage.state.items.values() if name in (i.element, i.name)]
        if times not in found:
            stage.fail(step, f"{name} 催办 {times} 次", found or "没有这个待办")


def _refused(stage: Stage, step: Step, wanted: str) -> None:
    if stage.refused != wanted:
        stage.fail(step, f"上一步被拒绝 {wanted}", stage.refused or "办成了")


_KEYS: dict[str, Callable[[Stage, Step, Any], None]] = {
    "open": _open,
    "status": _status,
    "variables": _variables,
    "due": _due,
    "at": _at,
    "holder": _holder,
    "deadlines": _deadlines,
    "incidents": _incidents,
    "ended": _ended,
    "facts": _facts,
    "notices": _notices,
    "sees": _sees,
    "blind": _blind,
    "urged": _urged,
    "refused": _refused,
}


def _same_instant(actual: datetime | None, wanted: Any, step: Step) -> bool:
    if wanted is None or actual is None:
        return wanted is None and actual is None
    if is_bare_date(wanted):
        return actual.astimezone(SHANGHAI).date().isoformat() == str(wanted)
    return actual == instant(wanted, f"第 {step.number} 步")


def local_text(at: datetime | None) -> str:
    """An instant as scenarios write it: Shanghai time to the second; 无 for none."""
    return at.astimezone(SHANGHAI).strftime("%Y-%m-%dT%H:%M:%S") if at is not None else "无"
