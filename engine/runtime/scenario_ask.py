"""What a step of a scenario asks 情景步骤: the command behind its words, by whom, with which form."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from engine.assignment import acting_as, behalf_of, in_the_name_of
from engine.calendar import Moment
from engine.clock import SHANGHAI
from engine.commands import (
    ENGINE,
    Actor,
    AddNote,
    AddSigner,
    CallAction,
    CancelCase,
    ClaimItem,
    Command,
    CopyCase,
    CorrectRegister,
    DeliverMessage,
    DeliverSignal,
    FinishItem,
    JoinCase,
    MergeCase,
    ReadCopies,
    ReleaseItem,
    ResumeCase,
    RetryIncident,
    ReturnItem,
    StartCase,
    SuspendCase,
    TakeBackSigner,
    TransferItem,
    UrgeItem,
    WithdrawItem,
)
from engine.definitions.forms import Field
from engine.directory import Absence, Directory
from engine.execution.history import History
from engine.execution.state import AFTER, Item
from engine.facts import WorkItemCompleted
from engine.feel import compile_expression
from engine.handlers import FileInfo
from engine.handlers.going_back import taking_it_back
from engine.handlers.handing_over import turn
from engine.handlers.recipients import resolved
from engine.handlers.signing import WAYS
from engine.handlers.work import Work
from engine.runtime.scenario_file import Step, instant, outside
from engine.values import Value, plain

if TYPE_CHECKING:
    from engine.runtime.scenario_stage import Stage

CASE = "scenario"
"""Id of the case a scenario is about."""


def command_of(stage: Stage, step: Step) -> tuple[Command, Actor]:
    """The command a step asks for, and who asks. Raises `Stopped` when the case has no such item, person or incident."""
    data = step.data
    match step.what:
        case "start":
            form = form_of(stage, _start_form(stage, data.get("at", "")), data, 0)
            return StartCase(stage.package.key, form, data.get("at", "")), _actor(stage, step)
        case "message":
            return (
                DeliverMessage(data["name"], str(data.get("key", "")), _variables(stage, data)),
                _asker(stage, step),
            )
        case "signal":
            return DeliverSignal(data["name"], _variables(stage, data)), _asker(stage, step)
        case "suspend":
            until = data.get("until")
            at = instant(until, f"第 {step.number} 步 until") if until is not None else None
            return SuspendCase(CASE, str(data.get("reason", "")), at), _actor(stage, step)
        case "resume":
            return ResumeCase(CASE, str(data.get("reason", ""))), _actor(stage, step)
        case "cancel":
            return CancelCase(CASE, str(data.get("reason", ""))), _actor(stage, step)
        case "correct":
            said = CorrectRegister(CASE, _variables(stage, data), str(data.get("reason", "")))
            return said, _actor(stage, step)
        case "note" if "item" not in data:
            return _note(data, 0), _actor(stage, step)
        case "copy":
            actor = _actor(stage, step)
            to = data.get("for", ())
            work = Work(stage.state, stage.setting(actor))
            people, posts = resolved(map(str, to), work)
            return CopyCase(CASE, people, posts, str(data.get("note", ""))), actor
        case "read":
            return ReadCopies(CASE), _actor(stage, step)
        case "merge":
            return MergeCase(CASE, data.get("into", ""), str(data.get("reason", ""))), _actor(stage, step)
        case "join":
            people, posts = tuple(map(_id_of(stage), data.get("people", ()))), tuple(data.get("posts", ()))
            other, why = data.get("case", ""), str(data.get("reason", ""))
            return JoinCase(CASE, other, other, why, people, posts), ENGINE
        case "action":
            action = stage.package.actions.get(data.get("action", ""))
            form = form_of(stage, action.form if action else "", data, 0)
            return CallAction(CASE, data.get("action", ""), form), _actor(stage, step)
        case "take_back_signer":
            return TakeBackSigner(CASE, _signer(stage, step), str(data.get("reason", ""))), _actor(
                stage, step
            )
        case "retry":
            return RetryIncident(_incident(stage, step), _variables(stage, data)), _asker(stage, step)
    return _item_command(stage, step)


def _item_command(stage: Stage, step: Step) -> tuple[Command, Actor]:
    data = step.data
    if step.what == "withdraw":
        actor = _actor(stage, step)
        done = _finished(stage, step, actor)
        actor = taking_it_back(actor, done, History(stage.package, stage.facts), stage.directory)
        return WithdrawItem(CASE, done, str(data.get("reason", ""))), actor
    item = _item(stage, step)
    actor = _actor(stage, step, item)
    reason = str(data.get("reason", ""))
    match step.what:
        case "complete":
            return FinishItem(CASE, item.id, form_of(stage, item.form, data, item.id)), actor
        case "note":
            return _note(data, item.id), actor
        case "urge":
            return UrgeItem(CASE, item.id, str(data.get("text", ""))), actor
        case "claim":
            return ClaimItem(CASE, item.id), actor
        case "release":
            return ReleaseItem(CASE, item.id, reason), actor
        case "return":
            to = data.get("to", "")
            return ReturnItem(CASE, item.id, reason, _element_named(stage, to)), actor
        case "add_signer":
            until = data.get("until")
            due = instant(until, f"第 {step.number} 步 until") if until is not None else None
            unit, role, person = (str(data.get(key, "")) for key in ("unit", "role", "person"))
            way = _WAYS.get(data.get("way", ""), data.get("way", ""))
            return AddSigner(CASE, item.id, way, reason, unit, role, person, due), actor
        case _:
            person = str(data.get("person", ""))
            return TransferItem(CASE, item.id, reason, str(data.get("unit", "")), person), actor


def _note(data: Mapping[str, Any], item: int) -> AddNote:
    return AddNote(
        CASE, str(data.get("text", "")), item, int(data.get("reply", 0)), copy=bool(data.get("copy"))
    )


def _id_of(stage: Stage) -> Callable[[Any], str]:
    def found(name: Any) -> str:
        person = stage.directory.find_person(str(name))
        return person.id if person is not None else str(name)

    return found


def _item(stage: Stage, step: Step) -> Item:
    wanted = step.data.get("item", "")
    found = [i for i in stage.state.items.values() if wanted in (i.element, i.name)]
    nth = step.data.get("nth")
    if nth is None and len(found) > 1:  # the one that lies with the person
        actor = _actor(stage, step)
        mine = [i for i in found if f"{i.role}@{i.unit}" in actor.posts or i.person == actor.person]
        found = mine or found
    index = (nth or 1) - 1
    if not 0 <= index < len(found):
        opened = [f"{i.element} {i.name}" for i in stage.state.items.values()]
        raise stage.stop(step, f"有待办“{wanted}”" + (f"（第 {nth} 个）" if nth else ""), opened)
    return found[index]


_WAYS = {word: way for way, word in WAYS.items()}


def _signer(stage: Stage, step: Step) -> int:
    """The item of a signer to be taken back; of one whose turn is still to come, by `person` or `unit`."""
    person = stage.directory.find_person(step.data.get("person", ""))
    for signer in stage.state.signers.values():
        named = (person is not None and signer.person == person.id) or signer.unit == step.data.get("unit")
        if named and signer.way == AFTER and signer.id not in stage.state.items:
            return signer.id
    return _item(stage, step).id


def _finished(stage: Stage, step: Step, actor: Actor) -> int:
    """The item that was finished: the actor's latest, or the `nth` of all."""
    wanted, nth = step.data.get("item", ""), step.data.get("nth")
    done = [
        f
        for f in stage.facts
        if isinstance(f, WorkItemCompleted) and wanted in (f.element, stage.package.titles.get(f.element))
    ]
    mine = [f for f in done if f.person == actor.person] or done
    found = done[nth - 1 : nth] if nth else mine[-1:]
    if not found:
        raise stage.stop(step, f"有办结的“{wanted}”", "没有")
    return found[0].id


def _incident(stage: Stage, step: Step) -> int:
    wanted = step.data.get("incident", "")
    for incident in stage.state.incidents.values():
        if wanted in ("", incident.element, incident.code, stage.package.titles.get(incident.element)):
            return incident.id
    raise stage.stop(step, f"有异常“{wanted}”", [i.code for i in stage.state.incidents.values()])


def _actor(stage: Stage, step: Step, item: Item | None = None) -> Actor:
    name = step.data.get("by", "")
    person = stage.directory.find_person(name)
    if person is None:
        raise stage.stop(step, f"通讯录中有“{name}”", "没有这个人员")
    directory = stage.directory
    actor = acting_as(person.id, directory, item.role if item else "", item.unit if item else "")
    return in_the_name_of(behalf_of(person.id, item, directory) if item else "", actor, directory)


def directory_after(stage: Stage, step: Step) -> Directory:
    """The directory with what a step says of people: who is away 离岗 and who stands in, who leaves 离任."""
    data, directory = step.data, stage.directory

    def person(key: str) -> str:
        found = directory.find_person(data.get(key, ""))
        if found is None:
            raise stage.stop(step, f"通讯录中有“{data.get(key, '')}”", "没有这个人员")
        return found.id

    if step.what == "leaves":
        gone = directory.people[person("who")]
        return replace(directory, people={**directory.people, gone.id: replace(gone, active=False)})
    where = f"第 {step.number} 步 {step.what}"
    today = stage.now.astimezone(SHANGHAI).date()
    first, last = (
        instant(data[key], where).astimezone(SHANGHAI).date() if key in data else today
        for key in ("from", "until")
    )
    role, _, unit = data.get("post", "").partition("@")
    absence = Absence(
        str(step.number), person("who"), first, last, data.get("reason", "离岗"),
        person("substitute") if data.get("substitute") else "", unit, role,
    )  # fmt: skip
    return replace(directory, absences=(*directory.absences, absence), day=today)


def handing_over(stage: Stage, step: Step) -> list[tuple[Command, Actor]]:
    """What handing over 移交 all that a person has in hand asks for, to another or (without `to`) back to the posts; with what others
    do in the person's name 代, and what waits where nobody else is."""
    directory, data = stage.directory, step.data
    leaver = _id_of(stage)(data.get("who", ""))
    successor = _id_of(stage)(data["to"]) if "to" in data else ""
    found = []
    for item in stage.state.items.values():
        alone = not item.person and directory.members(item.unit, item.role) == [leaver]
        if alone or leaver in (item.person, item.behalf):
            behalf = item.behalf if item.person == leaver else ""
            asked = turn(
                CASE,
                item,
                stage.state,
                stage.package,
                directory,
                leaver,
                successor,
                str(data.get("reason", "")),
                behalf,
            )
            if asked[0] is not None:
                found.append((asked[0], _actor(stage, step)))
    return found


def _asker(stage: Stage, step: Step) -> Actor:
    return _actor(stage, step) if "by" in step.data else ENGINE


def _element_named(stage: Stage, text: str) -> str:
    return next((id for id, name in stage.package.titles.items() if name == text), text)


# -- forms ---------------------------------------------------------------------------------------------


def _start_form(stage: Stage, at: str) -> str:
    starts = stage.package.starts
    if at in starts:
        return starts[at].form
    main = stage.package.processes[stage.package.main]
    plainly = [s for s in main.plain_entries if s in starts]
    return starts[plainly[0]].form if not at and plainly else ""


def form_of(stage: Stage, form: str, data: Mapping[str, Any], at: int) -> dict[str, Value]:
    """The step's form over the form's defaults; a null takes a default away, `=…` is FEEL."""
    merged = {**stage.defaults.get(form, {}), **data.get("form", {})}
    given = {str(k): _given(stage, v, at) for k, v in merged.items() if v is not None}
    drawn = stage.package.forms.get(form)
    return _uploaded(stage, drawn.fields, given) if drawn is not None else given


def _uploaded(stage: Stage, fields: Iterable[Field], given: dict[str, Value]) -> dict[str, Value]:
    """File fields name files as a person would say them; here they count as uploaded, under an id."""
    for part in fields:
        value = given.get(part.key)
        if part.type == "filepicker" and value is not None:
            given[part.key] = [_upload(stage, n) for n in (value if isinstance(value, list) else [value])]
        elif part.fields and isinstance(value, list):
            given[part.key] = [_uploaded(stage, part.fields, r) if isinstance(r, dict) else r for r in value]
    return given


def _upload(stage: Stage, name: Value) -> Value:
    if not isinstance(name, str):
        return name
    digest = hashlib.sha256(name.encode()).hexdigest()
    stage.files[digest[:20]] = FileInfo(digest[:20], name, "application/octet-stream", len(name), digest)
    return digest[:20]


def _variables(stage: Stage, data: Mapping[str, Any]) -> dict[str, Value]:
    return {str(k): _given(stage, v, 0, keep=True) for k, v in data.get("variables", {}).items()}


def _given(stage: Stage, value: Any, at: int, keep: bool = False) -> Value:
    if isinstance(value, str) and value.startswith("="):
        moment = Moment(stage.now, stage.calendar)
        work = Work(stage.state, stage.setting(ENGINE))
        found = compile_expression(value[1:]).evaluate(work.context(at or 1), moment)
        return found if keep else plain(found)
    if isinstance(value, list):
        return [_given(stage, v, at, keep) for v in value]
    if isinstance(value, dict):
        return {str(k): _given(stage, v, at, keep) for k, v in value.items()}
    return value if keep and not isinstance(value, float) else outside(value)
