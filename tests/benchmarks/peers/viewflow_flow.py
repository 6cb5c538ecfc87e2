"""The process for viewflow. Importable only once Django is set up; viewflow finds it again by its name."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from viewflow import this
from viewflow.workflow import flow
from viewflow.workflow.flow.views import UpdateProcessView


def _task() -> Any:
    return flow.View(UpdateProcessView.as_view(fields=[])).OnTimeout(
        timedelta(hours=12), this.late, interrupting=False
    )


class Four(flow.Flow):  # type: ignore[misc]
    """Four user tasks in a row and round again, as `competitor.diagram` draws them."""

    start = flow.StartHandle().Next(this.a)
    a = _task().Next(this.b)
    b = _task().Next(this.c)
    c = _task().Next(this.d)
    d = _task().Next(this.again)
    again = (
        flow.If(lambda activation: activation.process.data.get("结论") == "退回").Then(this.end).Else(this.a)
    )
    late = flow.End()
    end = flow.End()
