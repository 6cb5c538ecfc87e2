"""移交: what becomes of one item when all that a person has in hand is handed over. Each is a 转办 or a 退签 of its own."""

from __future__ import annotations

from dataclasses import replace

from engine.assignment import may_do
from engine.commands import Actor, Command, ReleaseItem, TransferItem
from engine.definitions.model import Package
from engine.directory import Directory
from engine.errors import EngineError, SeparationOfDuties
from engine.execution.state import Item, State


def turn(
    case: str,
    item: Item,
    state: State,
    package: Package,
    directory: Directory,
    leaver: str,
    successor: str,
    reason: str,
    behalf: str,
) -> tuple[Command | None, str, str]:
    """What handing over an open item asks for, if anything, what has become of the item then, and why where that is not what was
    asked. `successor`: "" = back to the post; `behalf`: for whom the leaver has it in hand 代."""
    if item.person not in ("", leaver) and item.behalf != leaver:
        return None, "gone", f"移交前已由{directory.name_of(item.person)}接办"
    if item.person and item.person == successor:
        return None, "gone", f"{directory.name_of(item.person)}已在代办，由其接着办理"
    said, reason = "", f"移交：{reason}"
    if behalf:
        said = f"系代{directory.name_of(behalf)}办理"
    elif successor:
        said = _kept_from(package, state, item, successor, directory)
        if not said:
            units = [u for r, u in directory.own_posts(successor) if r == item.role]
            unit = item.unit if item.unit in units else ""
            return TransferItem(case, item.id, reason, unit, successor), "moved", ""
    return (ReleaseItem(case, item.id, reason) if item.person else None), "returned", said


def _kept_from(package: Package, state: State, item: Item, successor: str, directory: Directory) -> str:
    """Why the successor may not do it 不相容岗位分离; "" otherwise."""
    element = package.processes[state.instances[item.id].process].elements[item.element]
    theirs = replace(item, person=successor, behalf="", assignee="")
    try:
        may_do(Actor(successor), theirs, state.performers, element, package.titles, directory)
    except SeparationOfDuties as refusal:
        return refusal.message
    except EngineError:
        return ""
    return ""
