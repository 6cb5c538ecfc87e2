"""`advance`: one command on one case → the facts that follow from it. Pure: no clock, no randomness, no I/O.

The state given is evolved in place; when an exception leaves `advance` the state is to be thrown away. The same
package, state, command and moment give the same facts on any machine.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from datetime import timedelta
from typing import Any

from engine.calendar import Moment
from engine.commands import (
    Cancel,
    CompleteItem,
    CompleteJob,
    DeliverMessage,
    DeliverSignal,
    EnterSigner,
    FailJob,
    KernelCommand,
    Merge,
    MoveItem,
    PassDeadline,
    RemoveSigner,
    Resume,
    RetryIncident,
    StartProcess,
    Suspend,
    TakeBack,
    ThrowError,
)
from engine.definitions.model import Package, Process, Trigger
from engine.errors import CalendarUnknown, Conflict, NotAllowed, NotFound, NotOpen, Suspended
from engine.execution import (  # noqa: F401  (activities registers itself)
    activities,
    complex,
    correlation,
    events,
    moving,
    signing,
)
from engine.execution.arming import arm_event_subprocesses, arm_or_halt
from engine.execution.context import Context
from engine.execution.elements import enter, execute, finish_loop, inputs, leave, result_of
from engine.execution.history import History
from engine.execution.run import Halt, Run
from engine.execution.scopes import cancel, item_ended, release, write
from engine.execution.starting import begin
from engine.execution.state import ROOT, Instance, State
from engine.facts import (
    CaseCancelled,
    CaseMerged,
    CaseResumed,
    CaseStarted,
    CaseSuspended,
    DeadlineDropped,
    DeadlineMoved,
    DeadlinePassed,
    DeadlineSet,
    DueMoved,
    Fact,
    IncidentResolved,
    JobCompleted,
    JobFailed,
    VariablesSet,
    WorkItemCompleted,
)


def advance(
    package: Package,
    state: State,
    command: KernelCommand,
    moment: Moment,
    case: str = "",
    history: History | None = None,
) -> list[Fact]:
    """Carry out a command until the case waits again. `case` is the case's id, as expressions see it; `history` what came of
    what in it, for the commands that go back (`GOES_BACK`).

    Raises `NotOpen`, `NotFound`, `Suspended`, `NotAllowed`, `StepBudgetExceeded`. What cannot be computed inside
    the process raises nothing: it is an `IncidentRaised` among the facts.
    """
    if len(state.causes) + len(state.strands) > 32:
        state.purge()
    run = Run(package, state, moment, case, enter, events.deliver, events.throw_implicit)
    run.history = history
    _COMMANDS[type(command)](run, command)
    run.drain()
    while state.open and complex.go_on(run):
        run.drain()
    return run.facts


# -- the case ------------------------------------------------------------------------------------------


def _start(run: Run, command: StartProcess) -> None:
    if run.state.started is not None:
        raise NotOpen("这个案件已经立案，不能再次启动。")
    process = run.package.processes.get(command.process or run.package.main)
    if process is None:
        raise NotFound(f"流程包中没有流程“{command.process}”。")
    entry = command.start or _plain_entry(process)
    if entry not in process.entries:
        raise NotFound(
            f"流程“{process.name or process.key}”没有开始事件“{command.start}”，请在流程图中核对。"
        )
    run.emit(
        CaseStarted(
            run.package.hash,
            process.key,
            entry,
            run.moment.now,
            dict(command.variables),
            command.person,
            command.unit,
            command.behalf,
        )
    )
    start = process.elements.get(entry)
    for event in start.events if start is not None else ():
        if event.trigger is Trigger.MESSAGE:
            correlation.learn(run, run.state.instances[ROOT], process, event.name, command.variables)
    arm_event_subprocesses(run, run.state.instances[ROOT])
    begin(run, process, start, command.part, command.variables)


def _plain_entry(process: Process) -> str:
    found = process.plain_entries
    if len(found) == 1:
        return found[0]
    name = process.name or process.key
    raise NotFound(f"流程“{name}”有 {len(found)} 个空白开始事件，请指明从哪一个开始。")


def _cancel(run: Run, command: Cancel) -> None:
    _stop(run)
    run.emit(CaseCancelled(command.reason))


def _merge(run: Run, command: Merge) -> None:
    _stop(run)
    run.emit(CaseMerged(**asdict(command)))


def _stop(run: Run) -> None:
    """Whatever goes on in the case ends."""
    _must_be_open(run)
    root = run.state.instances[ROOT]
    for child in list(root.children):
        if child in run.state.instances:
            cancel(run, run.state.instances[child])
    release(run, root)
    for id, deadline in list(run.state.deadlines.items()):
        if deadline.owner == 0:
            run.emit(DeadlineDropped(id))
    run.todo.clear()


def _suspend(run: Run, command: Suspend) -> None:
    _must_run(run)
    state, now = run.state, run.moment.now
    run.emit(CaseSuspended(command.reason, command.until))
    left = run.moment.calendar.working_time_between
    for id, deadline in list(state.deadlines.items()):
        if deadline.due is not None:
            remaining = left(now, deadline.due) if deadline.due > now else timedelta(0)
            run.emit(DeadlineMoved(id, None, remaining))
    for id, item in list(state.items.items()):
        if item.due is not None:
            try:
                remaining = left(now, item.due)  # below zero: so much overdue it will be again
            except CalendarUnknown:
                if item.due > now:
                    raise
                continue  # overdue since a year the calendar does not know: stays so
            run.emit(DueMoved(id, None, remaining))
    if command.until is not None:
        run.emit(DeadlineSet(run.next_id(), 0, "", max(command.until, now)))


def _resume(run: Run, command: Resume) -> None:
    _must_be_open(run)
    if not run.state.suspended:
        raise NotOpen("案件没有挂起，不需要恢复。")
    moves = _moves(run)
    _go_on(run, command.reason, moves)


def _moves(run: Run) -> list[Fact]:
    """Where the clocks that stand still go on to. Raises `CalendarUnknown`."""
    state, calendar, now = run.state, run.moment.calendar, run.moment.now
    moves: list[Fact] = []
    for id, deadline in state.deadlines.items():
        if deadline.remaining is not None:
            moves.append(DeadlineMoved(id, calendar.add_working_time(now, deadline.remaining)))
    for id, item in state.items.items():
        if item.remaining is not None:
            moves.append(DueMoved(id, calendar.add_working_time(now, item.remaining)))
    return moves


def _go_on(run: Run, reason: str, moves: list[Fact]) -> None:
    state = run.state
    run.emit(CaseResumed(reason))
    for id, deadline in list(state.deadlines.items()):
        if deadline.owner == 0:
            run.emit(DeadlineDropped(id))
    for id, incident in list(state.incidents.items()):
        if incident.owner == ROOT and not incident.element:
            run.emit(IncidentResolved(id))
    for move in moves:
        run.emit(move)


def _suspension_over(run: Run, deadline: int) -> None:
    """The suspension has come to its end by itself. Where the calendar is not known a person has to resume."""
    run.emit(DeadlinePassed(deadline))
    try:
        moves = _moves(run)
    except CalendarUnknown as problem:
        text = f"挂起期限已到，但无法恢复计时：{problem.message}处理后请人工恢复案件。"
        run.incident(run.state.instances[ROOT], "", Halt(problem.code, text))
        return
    _go_on(run, "挂起期限已到", moves)


# -- work ----------------------------------------------------------------------------------------------


def _complete_item(run: Run, command: CompleteItem) -> None:
    _must_run(run)
    item = run.state.items.get(command.item)
    if item is None:
        raise NotOpen()
    if run.state.signers and signing.awaited(run.state, item.id):
        raise Conflict(f"“{item.name}”还在等加签人的意见，收到后才能办结；不再等的，请先减签。")
    form = dict(command.variables)
    run.emit(
        WorkItemCompleted(item.id, item.element, command.person, command.unit, form, behalf=command.behalf)
    )
    item_ended(run, item.id)
    anew = run.state.step_of(item.id) != item.id
    if (anew or run.state.signers) and signing.signed(run, run.state.instances[item.id], command.person):
        return
    result = run.state.instances[item.id].result
    leave(run, run.state.instances[item.id], result, result)


def _complete_job(run: Run, command: CompleteJob) -> None:
    _must_run(run)
    if command.job not in run.state.jobs:
        raise NotOpen("这个自动步骤已经完成或已撤销。")
    run.emit(JobCompleted(command.job, dict(command.variables)))
    instance = run.state.instances[command.job]
    leave(run, instance, instance.result)


def _fail_job(run: Run, command: FailJob) -> None:
    _must_run(run)
    if command.job in run.state.jobs:
        run.emit(JobFailed(command.job, command.reason, 0))
    elif command.job not in run.state.items:
        raise NotOpen("这个自动步骤已经完成或已撤销。")
    instance = run.state.instances[command.job]
    run.incident(instance, instance.element, Halt("job_failed", command.reason))


def _throw_error(run: Run, command: ThrowError) -> None:
    _must_run(run)
    state = run.state
    if command.id not in state.jobs and command.id not in state.items:
        raise NotOpen()
    thrower = state.instances[command.id]
    caught = events.throw_error(run, thrower, command.error, command.message, dict(command.variables))
    if not caught and command.id in state.jobs:
        run.emit(JobFailed(command.id, command.message or command.error, 0))


# -- time and others -----------------------------------------------------------------------------------


def _pass_deadline(run: Run, command: PassDeadline) -> None:
    deadline = run.state.deadlines.get(command.deadline)
    if deadline is None or deadline.due is None or deadline.due > run.moment.now:
        return
    if deadline.owner == 0:
        _suspension_over(run, command.deadline)
    elif not run.state.suspended:
        events.pass_deadline(run, command.deadline)


def _deliver_message(run: Run, command: DeliverMessage) -> None:
    if run.state.ended:
        return
    _must_run(run)
    events.deliver(run, 0, "message", command.name, command.key, dict(command.variables), True)


def _deliver_signal(run: Run, command: DeliverSignal) -> None:
    if run.state.ended:
        return
    _must_run(run)
    events.deliver(run, 0, "signal", command.name, "", dict(command.variables))


# -- incidents -----------------------------------------------------------------------------------------


def _retry(run: Run, command: RetryIncident) -> None:
    _must_run(run)
    state = run.state
    incident = state.incidents.get(command.incident)
    if incident is None:
        raise NotOpen("这个异常已经处理。")
    run.emit(IncidentResolved(incident.id))
    owner = state.instances[incident.owner]
    if command.variables:
        if owner.scope:
            write(run, owner, command.variables)
        else:
            run.emit(VariablesSet(ROOT, dict(command.variables)))
            run.changed()
    if incident.element != owner.element:
        _arm_anew(run, owner, incident.element)
    elif incident.leaving:
        result = result_of(run, owner)
        if result is not None and command.variables:
            result = {**result, **command.variables}
        leave(run, owner, result, result)
    elif owner.id not in state.items:
        _execute_anew(run, owner, incident.code)


def _arm_anew(run: Run, owner: Instance, element: str) -> None:
    process = run.process(owner)
    event = process.elements.get(element) if owner.element else None
    if event is None or (event.attached_to != owner.element and element not in _targets(run, owner)):
        event = run.inside(owner)[0].elements[element]
    arm_or_halt(run, owner, event)


def _targets(run: Run, owner: Instance) -> set[str]:
    return {flow.target for flow in run.element(owner).outgoing}


def _execute_anew(run: Run, owner: Instance, code: str) -> None:
    element = run.element(owner)
    if owner.body and code == "uncaught_error":  # its rounds have gone on
        finish_loop(run, owner.id)
        return
    if element.inputs and not owner.body:
        try:
            context = Context(run, owner.id)
            run.emit(VariablesSet(owner.id, inputs(run, element, context)))
        except Halt as problem:
            run.incident(owner, element.id, problem)
            return
    # what failed after it had been waiting has its boundary events armed already
    execute(run, owner, element, arm=code not in ("job_failed", "uncaught_error"))


# -- may it be done ------------------------------------------------------------------------------------


def _must_be_open(run: Run) -> None:
    if not run.state.open:
        raise NotOpen("案件已经结束，不能再办理。")


def _must_run(run: Run) -> None:
    _must_be_open(run)
    if run.state.suspended:
        raise Suspended()


def _move_item(run: Run, command: MoveItem) -> None:
    _must_run(run)
    moving.move_item(run, command, _history(run))


def _take_back(run: Run, command: TakeBack) -> None:
    _must_run(run)
    moving.take_back(run, command, _history(run))


def _history(run: Run) -> History:
    if run.history is None:
        raise NotAllowed("没有案件的办理经过，不能退回或撤回。")
    return run.history


GOES_BACK = (MoveItem, TakeBack)
"""Commands that need the case's history."""


def _enter_signer(run: Run, command: EnterSigner) -> None:
    _must_run(run)
    signing.add(run, command)


def _remove_signer(run: Run, command: RemoveSigner) -> None:
    _must_run(run)
    signing.take_back(run, command)


_COMMANDS: dict[type[KernelCommand], Callable[[Run, Any], None]] = {
    StartProcess: _start,
    CompleteItem: _complete_item,
    CompleteJob: _complete_job,
    FailJob: _fail_job,
    ThrowError: _throw_error,
    PassDeadline: _pass_deadline,
    DeliverMessage: _deliver_message,
    DeliverSignal: _deliver_signal,
    MoveItem: _move_item,
    TakeBack: _take_back,
    EnterSigner: _enter_signer,
    RemoveSigner: _remove_signer,
    RetryIncident: _retry,
    Suspend: _suspend,
    Resume: _resume,
    Cancel: _cancel,
    Merge: _merge,
}
