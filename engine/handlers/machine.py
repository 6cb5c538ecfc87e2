"""Commands of clocks, workers and other cases 系统: handed to the kernel, once it is clear that the asker may.

The engine itself may ask anything. Of people only the office may, and only what sets a halted case right or
stands in for an outside system; nobody can move a token past a person's work this way.
"""

from __future__ import annotations

from engine.commands import (
    CompleteJob,
    DeliverMessage,
    DeliverSignal,
    FailJob,
    KernelCommand,
    RetryIncident,
    ThrowError,
)
from engine.errors import NotAllowed, NotFound
from engine.handlers.settle import NO_ONE, route_item
from engine.handlers.work import Work

FOR_THE_OFFICE = (RetryIncident, CompleteJob, FailJob, DeliverMessage, DeliverSignal)


def pass_on(command: KernelCommand, work: Work) -> None:
    """Check who asks, then let the kernel do it."""
    if work.actor.person:
        work.must_see()
        job_error = isinstance(command, ThrowError) and command.id in work.state.jobs
        if not (isinstance(command, FOR_THE_OFFICE) or job_error):
            raise NotAllowed("这项操作只能由系统执行。")
        if not work.in_office():
            raise NotAllowed("处理异常由安委办办理，请联系安委办。")
        if work.state.ended or work.state.suspended:
            work.must_run()
    if isinstance(command, RetryIncident):
        _retry(command, work)
    else:
        work.advance(command)


def _retry(command: RetryIncident, work: Work) -> None:
    """An item that nobody could take is routed again; everything else the kernel tries again."""
    incident = work.state.incidents.get(command.incident)
    if incident is None:
        raise NotFound("这项异常已经处理，请刷新页面。")
    item = work.state.items.get(incident.owner)
    work.advance(command)  # resolves the incident and writes the corrected variables
    if incident.code == NO_ONE and item is not None:
        route_item(work, item)
