"""Random people asking random things: only refusals in words, never a broken case, never a forbidden deed done."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine import commands as c
from engine.errors import EngineError
from engine.execution.state import State
from engine.values import dumps, loads
from tests.engine.handling import OFFICE, REPORT, Desk

PEOPLE = [*(p["account"] for p in OFFICE["people"]), "", "没有"]
FORMS: list[dict[str, Any]] = [
    {},
    {"结论": "重大"},
    {"结论": None},
    REPORT,
    {"理由": "设备"},
    {"多": [1, {"a": None}]},
]
UNITS = [*(u["name"] for u in OFFICE["units"]), "", "没有"]


def commands(item: int, choose: Any) -> c.Command:
    """Any command on the case, aimed at `item`."""
    form = choose(st.sampled_from(FORMS))
    reason = choose(st.sampled_from(["", "材料不全"]))
    return choose(
        st.sampled_from(
            [
                c.ClaimItem("case", item),
                c.ReleaseItem("case", item, reason),
                c.TransferItem(
                    "case", item, reason, choose(st.sampled_from(UNITS)), choose(st.sampled_from(PEOPLE))
                ),
                c.FinishItem("case", item, form),
                c.ReturnItem("case", item, reason, choose(st.sampled_from(["", "A", "B", "Z"]))),
                c.CallAction("case", "extension", form),
                c.SuspendCase("case", reason),
                c.ResumeCase("case", reason),
                c.AddNote("case", reason),
                c.RetryIncident(item),
                c.CompleteItem(item),
                c.MoveItem(item, "A"),
            ]
        )
    )


def likely(desk: Desk, item: int) -> list[str]:
    """Who probably may do the item, and the office."""
    held = desk.state.items.get(item)
    if held is None:
        return []
    return [held.person] if held.person else [*desk.directory.members(held.unit, held.role), "ban", "kuang"]


@pytest.mark.slow
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_nothing_but_refusals(data: st.DataObject) -> None:
    party = data.draw(st.sampled_from(["一号矿", "二号矿", "三号矿"]))
    desk = Desk().start(企业=party)
    for _ in range(data.draw(st.integers(5, 25))):
        open_items = sorted(desk.state.items) or [1]
        item = data.draw(st.sampled_from([*open_items * 5, 999]))
        right = data.draw(st.sampled_from([True, True, True, False]))  # mostly what an honest person would do
        form = (
            {"B": {"结论": "重大"}}.get(desk.state.items[item].element, {})
            if item in desk.state.items
            else {}
        )
        command = c.FinishItem("case", item, form) if right else commands(item, data.draw)
        able = likely(desk, item)
        who = data.draw(st.sampled_from(able if able and data.draw(st.booleans()) else PEOPLE[:-2]))
        performers = {k: list(v) for k, v in desk.state.performers.items()}
        held = desk.state.items.get(item)
        post = (held.role, held.unit) if held else ("", "")
        claimed = held.person if held else ""
        try:
            desk.do(command, who)
        except EngineError as refusal:
            assert refusal.message and any("\u4e00" <= ch <= "\u9fff" for ch in refusal.message)
            continue
        assert State.from_data(loads(dumps(desk.state.to_data()))) == desk.state
        for fact in desk.new:
            if fact.kind in ("WorkItemCompleted", "WorkItemReturned"):
                assert fact.person == who
                assert claimed == who or (not claimed and post in desk.directory.posts_of(who))
            if fact.kind == "WorkItemCompleted" and fact.element == "D":
                assert who not in performers.get("B", [])
        for waiting in desk.state.items.values():  # always with someone, or visibly with nobody
            halted = any(i.owner == waiting.id for i in desk.state.incidents.values())
            assert halted or waiting.person or desk.directory.members(waiting.unit, waiting.role)
