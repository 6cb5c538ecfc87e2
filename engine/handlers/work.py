"""One command being decided 办理: the state evolves as facts are said, and the package's rules are at hand."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property, lru_cache
from typing import Any

from engine.assignment import Place, holds, may_do
from engine.commands import KernelCommand
from engine.definitions.forms import Field
from engine.definitions.model import Element
from engine.definitions.opinion import form_named
from engine.directory import AUDITOR, OFFICE
from engine.errors import (
    Conflict,
    EngineError,
    FormInvalid,
    InputInvalid,
    NotAllowed,
    NotFound,
    NotOpen,
    Suspended,
)
from engine.execution.advance import GOES_BACK, advance
from engine.execution.context import Context
from engine.execution.history import History
from engine.execution.run import Run
from engine.execution.signing import awaited
from engine.execution.state import ROOT, Item, State, evolve
from engine.facts import Fact
from engine.feel import Expression, compile_expression
from engine.handlers.choices import Choices
from engine.handlers.setting import Setting
from engine.handlers.visibility import CaseView, may_see, units_named
from engine.values import Value

SHORTEST_REASON = 2
"""Characters a reason needs, so that it says something."""

LONGEST_TEXT = 4000
"""Characters a reason or note may have."""


class Work:
    """The state, the setting and the facts said so far. On an exception the state is to be thrown away."""

    def __init__(self, state: State, setting: Setting) -> None:
        self.state = state
        self.setting = setting
        self.package = setting.package
        self.directory = setting.directory
        self.actor = setting.actor
        self.moment = setting.moment
        self.facts: list[Fact] = []

    # -- saying ----------------------------------------------------------------------------------------

    def say(self, fact: Fact) -> None:
        """The fact has happened."""
        evolve(self.state, fact)
        self.facts.append(fact)

    def advance(self, command: KernelCommand) -> None:
        """Let the kernel go on until the case waits."""
        history = self.history if isinstance(command, GOES_BACK) else None
        self.facts += advance(self.package, self.state, command, self.moment, self.setting.case, history)

    @cached_property
    def history(self) -> History:
        """What came of what in the case before this command."""
        return self.setting.history(self.package)

    # -- the case --------------------------------------------------------------------------------------

    def element(self, id: int) -> Element:
        """The drawn element of an item, job or scope."""
        instance = self.state.instances[id]
        return self.package.processes[instance.process].elements[instance.element]

    def context(self, at: int = ROOT) -> Mapping[str, Value]:
        """What an expression sees from an element of the case, as in the kernel; before the start only `p`."""
        if at not in self.state.instances:
            return {"p": self.package.values()}
        return Context(self.run(), at)

    def run(self) -> Run:
        """The case as the kernel looks at it, to ask what it would count; nothing is entered."""
        return Run(self.package, self.state, self.moment, self.setting.case, _idle, _idle)

    def register(self, key: str) -> str:
        """A text of the register (region, sector, party …) for this case; "" when it is not known, or cannot be
        computed: a slip in the register must not lock everybody out of the case."""
        text = self.package.register.get(key)
        if not isinstance(text, str) or not text:
            return ""
        try:
            value = _compiled(text).evaluate(self.context(), self.moment)
        except EngineError:
            return ""
        return value if isinstance(value, str) else ""

    @property
    def place(self) -> Place:
        """What the responsibility table is asked with."""
        return Place(sector=self.register("sector"), region=self.register("region"))

    @property
    def view(self) -> CaseView:
        """What decides who may see the case."""
        items, copies = self.state.items.values(), self.state.copies.values()
        people = {p for done in self.state.performers.values() for p in done}
        place = self.place
        return CaseView(
            party=self.register("party"),
            region=place.region,
            sector=place.sector,
            units=frozenset(self.state.holders)
            | units_named(self.state.root_variables.values(), self.directory),
            people=frozenset(
                people | {i.person for i in items if i.person} | {c.person for c in copies if c.person}
            ),
            posts=frozenset((c.role, c.unit) for c in copies if c.unit),
        )

    # -- refusing --------------------------------------------------------------------------------------

    def must_see(self) -> None:
        """Refuse as not found what the actor may not see."""
        if not may_see(self.actor, self.view, self.directory):
            raise NotFound()

    def must_write(self) -> None:
        """Refuse who may only read: a person whose posts are all with the auditors (领域说明 3.1 SJ)."""
        self.must_see()
        kinds = {self.directory.units[u].kind for _, u in self.directory.posts_of(self.actor.person)}
        if kinds == {AUDITOR}:
            raise NotAllowed("审计巡查人员只能查看，不能在案件中添加内容。")

    def must_run(self) -> None:
        """Refuse a case that has ended or is suspended."""
        if self.state.ended:
            raise NotOpen("案件已经结束，不能再办理。需要补充说明的，请在案件页写评论。")
        if self.state.suspended:
            raise Suspended()

    def open_item(self, id: int, *, for_the_office: bool = False) -> Item:
        """The open item, in a running case the actor may see. `for_the_office`: also in one that is suspended, where the office
        sees to what another has in hand, or nobody has."""
        self.must_see()
        if self.state.ended:
            raise NotOpen("案件已经结束，这一步不再办理。")
        item = self.state.items.get(id)
        if item is None:
            raise NotOpen()
        if self.state.suspended and not (
            for_the_office and item.person != self.actor.person and self.in_office()
        ):
            raise Suspended()
        return item

    def must_do(self, item: Item) -> None:
        """Refuse who may not do the item."""
        may_do(
            self.actor,
            item,
            self.state.performers,
            self.element(item.id),
            self.package.titles,
            self.directory,
        )

    def waits_for(self, item: Item) -> str:
        """Whose opinion 征求意见 the holder of an item waits for; "" for nobody's."""
        name_of, title = self.directory.name_of, self.package.role_title
        return "、".join(
            f"{name_of(one.person)}（{one.unit}）" if one.person else f"{one.unit}（{title(one.role)}）"
            for one in awaited(self.state, item.id)
        )

    def must_not_wait(self, item: Item) -> None:
        """Refuse to finish an item whose holder has asked for an opinion that is still to come."""
        names = self.waits_for(item)
        if names:
            raise Conflict(f"“{item.name}”还在等{names}的意见，收到后才能办结；不再等的，请先减签。")

    def in_office(self) -> bool:
        """Whether the actor works in the office that runs the processes."""
        return any(
            self.directory.units[u].kind == OFFICE for _, u in self.directory.posts_of(self.actor.person)
        )

    def must_hold(self, parameter: str, what: str) -> None:
        """Refuse who holds none of the roles that the package parameter names; without it, the office may."""
        setting = self.package.parameters.get(parameter)
        if setting is None or not isinstance(setting.value, list):
            if not self.in_office():
                raise NotAllowed(f"{what}由安委办办理，请联系安委办。")
            return
        roles = [r for r in setting.value if isinstance(r, str)]
        if not any(role in roles for role, _ in self.directory.posts_of(self.actor.person)):
            titles = "、".join(map(self.package.role_title, roles))
            raise NotAllowed(f"{what}由{titles}办理，您没有这个岗位。")

    def holds(self, role: str, unit: str) -> bool:
        return holds(self.actor, role, unit, self.directory)

    # -- forms -----------------------------------------------------------------------------------------

    def checked(self, form: str, data: Mapping[str, Any], at: int = ROOT) -> dict[str, Value]:
        """The form's values, clean; raises `FormInvalid` with sentences by field. A task without form takes none."""
        if not form:
            if data:
                raise InputInvalid("这一步没有表单，不接受填写内容。")
            return {}
        drawn = form_named(self.package.forms, form)
        if drawn is None:
            raise InputInvalid(f"流程包中没有表单“{form}”，请联系流程管理员。")
        choices = Choices(
            self.directory, self.package.roles, lambda: self.setting.related(self.state), self.actor.person
        )
        clean, errors = drawn.validate(dict(data), self.context(at), self.moment, choices)
        if errors:
            count = sum(len(v) for v in errors.values())
            raise FormInvalid(f"表单有 {count} 处需要修改，请按提示修改后再提交。", errors=errors)
        return clean

    def files_of(self, form: str, values: Mapping[str, Value]) -> list[str]:
        """Ids of the uploaded files that a form's clean values name, each once."""
        drawn = form_named(self.package.forms, form)
        return list(dict.fromkeys(_files(drawn.fields, values))) if drawn is not None else []


def _files(fields: Iterable[Field], values: Mapping[str, Value]) -> Iterator[str]:
    for field in fields:
        value = values.get(field.key)
        if not isinstance(value, list):
            continue
        if field.type == "filepicker":
            yield from (v for v in value if isinstance(v, str))
        for row in value if field.fields else ():
            yield from _files(field.fields, row)


def reason_given(text: str, what: str) -> str:
    """The reason, trimmed; raises `InputInvalid` when it says nothing."""
    text = text.strip()
    if len(text) < SHORTEST_REASON:
        raise InputInvalid(f"请填写{what}的理由（至少 {SHORTEST_REASON} 个字）。", field="reason")
    if len(text) > LONGEST_TEXT:
        raise InputInvalid(
            f"{what}的理由超过 {LONGEST_TEXT} 字，请写短一些，详情作为附件上传。", field="reason"
        )
    return text


def _idle(*_: object) -> None:
    """Looking at a case enters and delivers nothing."""


@lru_cache(maxsize=1024)
def _compiled(text: str) -> Expression:
    return compile_expression(text)
