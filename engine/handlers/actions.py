"""What a person may ask of a running case 申请: the package's actions, messages with a form (延期申请 …)."""

from __future__ import annotations

from engine.assignment import route
from engine.commands import CallAction, DeliverMessage
from engine.definitions.model import Action
from engine.errors import Conflict, NotAllowed, NotFound
from engine.handlers.cases import attach
from engine.handlers.work import Work


def call_action(command: CallAction, work: Work) -> None:
    """The actor must hold one of the action's roles for this case, and the case must be waiting to hear it."""
    work.must_see()
    action = work.package.actions.get(command.action)
    if action is None:
        raise NotFound(f"“{work.package.title}”没有“{command.action[:60]}”这项申请。")
    work.must_run()
    if not may_call(action, work):
        titles = "、".join(map(work.package.role_title, action.roles))
        raise NotAllowed(f"“{action.title}”由本案的{titles}办理，您不在其中。")
    if not is_heard(action, work):
        raise Conflict(f"案件现在所处的环节不能“{action.title}”，请查看案件当前状态。")
    form = work.checked(action.form, command.form)
    for file in work.files_of(action.form, form):
        attach(file, 0, work)
    work.advance(DeliverMessage(action.message, "", form))


def may_call(action: Action, work: Work) -> bool:
    """Whether one of the actor's posts is that of an action's role, in the unit that has the role in this case."""
    context, place = work.context(), work.place
    for role, unit in work.directory.posts_of(work.actor.person):
        if role not in action.roles:
            continue
        found = route((role,), work.package.roles, context, place, work.directory, work.moment).unit
        if found in ("", unit):
            return True
    return False


def is_heard(action: Action, work: Work) -> bool:
    """Whether the case waits for the action's message now."""
    return any(s.what == "message" and s.name == action.message for s in work.state.subscriptions.values())
