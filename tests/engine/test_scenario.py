"""Running scenarios: steps, the virtual clock across holidays, expectations that fail, files that are refused."""

from __future__ import annotations

from typing import Any

import pytest

from engine.definitions.model import Package
from engine.directory import from_data
from engine.errors import DefinitionRefused, InputInvalid
from engine.runtime import scenario_stage
from engine.runtime.scenario import Report, book_of, run
from engine.runtime.scenario_file import read_defaults, read_scenario
from tests.engine.handling import DIAGRAM, OFFICE, package

LADDER = (
    DIAGRAM
    + """
    boundary late on=B interrupting=false cycle="=if now() < item.due then sending workday(item.due, 1) else if 催办 = null or count(催办) < 2 then sending workday(now(), 1) else null"
    script remind result=催办 do="=if 催办 = null then [now()] else append(催办, now())"
    end reminded
    late -> remind -> reminded
    """
)

DEFAULTS: dict[str, dict[str, Any]] = {
    "report": {
        "描述": "通风机停用",
        "行业": "煤矿",
        "属地": "城川镇",
        "企业": "一号矿",
        "照片": ["现场照片.jpg"],
    },
    "judge": {"结论": '="经" + case.status + "判定"'},
}


def play(steps: str, made: Package | None = None, head: str = "now: 2026-09-28T09:00") -> Report:
    text = f"title: 试验\n{head}\nsteps:\n{steps}"
    return run(
        read_scenario(text.encode(), "one.yaml", "test"), made or package(), from_data(OFFICE), DEFAULTS
    )


def failures(report: Report) -> list[str]:
    return [str(f) for f in report.failures]


START = """
  - start: {by: 能文, at: S, form: {}}
  - complete: {item: 登记审核, by: 班布尔}
"""


class TestSteps:
    def test_from_start_to_end_by_names(self) -> None:
        report = play(
            """
  - start: {by: 能文, at: S, form: {}}
  - expect: {open: [登记审核], status: 待受理, holder: {A: 安委办}, variables: {企业: 一号矿, 主办: null}}
  - claim: {item: A, by: ban}
  - complete: {item: A, by: 包文, refused: already_claimed}
  - release: {item: A, by: ban, reason: 外出}
  - complete: {item: A, by: 包文}
  - expect: {open: [B], holder: {判定: 能源局}, due: {B: 2026-09-30T18:00}, status: 待判定, facts: [NumberGiven]}
  - transfer: {item: B, by: 能文, unit: 住建局, reason: 职责所在}
  - complete: {item: B, by: 简宁}
  - expect: {variables: {结论: 经待判定判定}, holder: {C: 一号矿}}
  - note: {by: 程川, text: 已巡查}
  - action: {action: extension, by: 阿拉腾其木格·呼和, form: {理由: 设备未到}}
  - expect: {open: [C, XU]}
  - complete: {item: 延期审批, by: 朱任}
  - return: {item: C, by: kuang, to: 判定, reason: 判定有误}
  - complete: {item: B, by: 牛力, form: {结论: 重大}}
  - complete: {item: C, by: kuang}
  - complete: {item: D, by: 牛力}
  - expect: {refused: separation_of_duties}
  - complete: {item: D, by: 能文}
  - complete: {item: E, by: 包文, refused: separation_of_duties}
  - complete: {item: E, by: 班布尔}
  - expect: {open: [], ended: Done, notices: [已办结], incidents: []}
""",
        )
        assert failures(report) == []
        assert report.steps == 23
        assert [line.who for line in report.timeline][0] == "能文"

    def test_proceed_does_what_is_open(self) -> None:
        report = play(
            """
  - start: {by: 能文, at: S, form: {}}
  - action: {action: extension, by: kuang, form: {理由: 设备未到}}
  - proceed: {until: D, leave: [XU]}
  - expect: {open: [D, XU], facts: [NumberGiven]}
  - proceed: {}
  - expect: {ended: Done}
""",
        )
        assert failures(report) == []

    def test_proceed_that_misses_its_aim_or_finds_nobody(self) -> None:
        missed = failures(play(START + "  - proceed: {until: Z}\n"))
        assert "应为 办到“Z”，实为 无" in missed[0]
        alone = play("  - start: {by: 能文, at: S, form: {企业: 二号矿}}\n  - proceed: {until: D}\n")
        assert "应为 “整改”有人可办，实为 没有人可以办理" in failures(alone)[0]

    def test_suspend_cancel_message_signal_retry(self) -> None:
        report = play(
            START
            + """
  - suspend: {by: ban, reason: 不可抗力, until: 2026-10-20T09:00}
  - complete: {item: B, by: 能文, refused: suspended}
  - expect: {due: {B: null}}
  - resume: {by: ban, reason: 已恢复}
  - expect: {due: {B: 2026-09-30}}
  - message: {name: 延期申请}
  - signal: {name: 无人听}
  - expect: {open: [判定, 延期审批]}
  - transfer: {item: B, by: ban, unit: 水利局, reason: 试一试, refused: not_allowed}
  - cancel: {by: ban, reason: 重复登记}
  - expect: {ended: cancelled}
""",
        )
        assert failures(report) == []

    def test_suspension_ends_by_itself(self) -> None:
        report = play(
            START
            + """
  - suspend: {by: ban, reason: 不可抗力, until: 2026-09-29T09:00}
  - wait: 2 days
  - expect: {facts: [CaseResumed], due: {B: 2026-10-08}}
""",
        )
        assert failures(report) == []

    def test_nobody_there(self) -> None:
        report = play(
            """
  - start: {by: 能文, at: S, form: {企业: 二号矿}}
  - complete: {item: A, by: ban}
  - complete: {item: B, by: 能文}
  - expect: {incidents: [no_one_to_do_it], holder: {C: 二号矿}}
  - retry: {incident: C, by: ban}
  - expect: {incidents: [no_one_to_do_it]}
""",
        )
        assert failures(report) == []


class TestClock:
    def test_deadlines_fire_at_their_instants_across_the_national_day(self) -> None:
        report = play(
            START
            + """
  - expect: {deadlines: {late: 2026-10-08T08:30}}
  - wait: 3 working days
  - expect: {at: 2026-10-08T09:00, deadlines: {late: 2026-10-09T08:30}}
  - wait: next deadline
  - expect: {at: 2026-10-09T08:30, deadlines: {late: 2026-10-10T08:30}}
  - wait: until 2026-10-12T08:30
  - expect: {deadlines: {late: null}}
""",
            package(LADDER),
            "now: 2026-09-28T09:00",
        )
        assert failures(report) == []
        fired = [line.at.isoformat() for line in report.timeline if line.fact.kind == "DeadlinePassed"]
        # the make-up Saturday 10 October counts, Sunday the 11th does not
        assert fired == [f"2026-10-{d}T08:30:00+08:00" for d in ("08", "09", "10")]

    @pytest.mark.parametrize(
        ("wait", "at"),
        [
            ("5 working days", "2026-10-10T09:00"),
            ("3 days", "2026-10-01T09:00"),
            ("2 hours", "2026-09-28T11:00"),
            ("until 2026-10-08T08:30", "2026-10-08T08:30"),
        ],
    )
    def test_waiting(self, wait: str, at: str) -> None:
        assert failures(play(START + f"  - wait: {wait}\n  - expect: {{at: {at}}}\n")) == []

    def test_waiting_for_nothing_or_backwards_or_nonsense(self) -> None:
        assert "没有时限" in failures(play(START + "  - wait: next deadline\n"))[0]
        assert "等到现在之后" in failures(play(START + "  - wait: until 2026-01-01\n"))[0]
        assert "实为 soon" in failures(play(START + "  - wait: soon\n"))[0]

    def test_years_taken_as_guessed(self) -> None:
        steps = START + "  - wait: 5 working days\n"
        late = "now: 2026-12-30T09:00"
        found = failures(play("  - wait: 5 working days\n", None, late))
        assert "calendar_unknown：2027年的节假日安排尚未确认" in found[0]
        assert failures(play(steps, None, late + "\nyears: [2027]")) == []


class TestFailures:
    @pytest.mark.parametrize(
        ("expect", "says"),
        [
            ("{open: [A]}", "应为 待办 ['A']，实为 B 判定"),
            ("{status: 整改中}", "应为 状态 整改中，实为 待判定"),
            ("{variables: {行业: 消防}}", "应为 行业 = 消防，实为 行业 = 煤矿"),
            ("{due: {B: 2026-10-01}}", "实为 2026-09-30T18:00:00"),
            ("{due: {C: 2026-10-01}}", "没有这个待办"),
            ("{at: 2026-09-28T10:00}", "实为 2026-09-28T09:00:00"),
            ("{holder: {B: 住建局}}", "应为 B 在 住建局，实为 能源局"),
            ("{deadlines: {late: 2026-10-01}}", "没有这个时限"),
            ("{incidents: [no_one_to_do_it]}", "实为 无"),
            ("{ended: Done}", "实为 未结束"),
            ("{facts: [ErrorThrown]}", "应为 有事实 ErrorThrown，实为 没有"),
            ("{notices: [函告]}", "应为 有通知“函告”，实为 无"),
            ("{refused: not_open}", "办成"),
        ],
    )
    def test_each_expectation_can_fail(self, expect: str, says: str) -> None:
        found = failures(play(START + f"  - expect: {expect}\n"))
        assert len(found) == 3 and all(says in line for line in found)
        assert [line[1:3] for line in found] == ["直接", "快照", "重放"]
        assert "第 3 步" in found[0] or "refused" in expect

    def test_an_unexpected_refusal_stops_with_the_reason(self) -> None:
        found = failures(play(START + "  - complete: {item: B, by: 简宁}\n  - expect: {open: []}\n"))
        assert found[0] == "[直接] 第 3 步：应为 办成，实为 not_found：没有找到这条记录，或者您无权查看。"
        assert len(found) == 3

    def test_a_form_error_is_shown_by_field(self) -> None:
        found = failures(play(START + "  - complete: {item: B, by: 能文, form: {结论: null}}\n"))
        assert "'结论': ['“结论”为必填项。']" in found[0]

    def test_a_refusal_that_does_not_come(self) -> None:
        found = failures(play(START + "  - complete: {item: B, by: 能文, refused: not_open}\n"))
        assert "应为 拒绝 not_open，实为 办成了" in found[0]

    def test_unknown_people_and_items(self) -> None:
        assert "没有这个人员" in failures(play(START + "  - note: {by: 谁, text: 好}\n"))[0]
        assert "应为 有待办“Z”，实为 B 判定" in failures(play(START + "  - claim: {item: Z, by: 能文}\n"))[0]

    def test_a_way_that_differs_is_found(self, monkeypatch: pytest.MonkeyPatch) -> None:
        from engine.runtime import scenario

        def forgetful(stage: scenario_stage.Stage) -> None:
            stage.state.performers.clear()  # a snapshot that loses who did what

        monkeypatch.setattr(scenario, "_restore", forgetful)
        steps = (
            START
            + "  - complete: {item: B, by: 能文}\n  - complete: {item: C, by: kuang}\n  - complete: {item: D, by: 能文, refused: separation_of_duties}\n"
        )
        found = failures(play(steps))
        assert any("办成了" in line for line in found)
        assert any("与直接运行的事实完全相同" in line for line in found)


class TestFiles:
    @pytest.mark.parametrize(
        ("text", "says"),
        [
            ("title: x\nnow: 2026-09-28\n", "缺少 steps"),
            ("title: x\nnow: soon\nsteps: [{wait: 1 day}]\n", "不是时间"),
            ("title: x\nnow: 2026-09-28\nsteps: [{dance: {}}]\n", "第 1 步：不认识的步骤“dance”"),
            ("title: x\nnow: 2026-09-28\nsteps: [{claim: {itm: A}}]\n", "第 1 步 claim：不认识的项 itm"),
            ("title: x\nnow: 2026-09-28\nsteps: [{expect: {refused: a, opened: []}}]\n", "不认识的项 opened"),
            ("title: x\nnow: 2026-09-28\nsteps: [{claim: {}, note: {}}]\n", "一步只能有一项"),
            ("title: x\nnow: 2026-09-28\nsteps: [{start: {form: 3}}]\n", "start.form：应是“名称: 值”"),
            ("title: x\nnow: 2026-09-28\nsteps: [{expect: {open: A}}]\n", "expect.open 应是列表"),
            ("title: x\ntitle: y\nnow: 2026-09-28\nsteps: [{wait: 1 day}]\n", "写了两次"),
            ("title: x\nnow: 2026-09-28\ncolour: red\nsteps: [{wait: 1 day}]\n", "不认识的项 colour"),
            ("title: &a x\nnow: *a\nsteps: []\n", "引用"),
            ("title: !!python/object/apply:os.getcwd []\n", "不是有效的 YAML"),
            ("a: [\n", "不是有效的 YAML"),
            (
                "title: x\nnow: 2026-09-28\nsteps: [{action: {action: on}}]\n",
                "action.action 应是文字，是 True 的请加引号",
            ),
        ],
    )
    def test_slips_are_refused_with_their_place(self, text: str, says: str) -> None:
        with pytest.raises(InputInvalid, match=says):
            read_scenario(text.encode(), "wrong.yaml")

    def test_defaults(self) -> None:
        assert read_defaults("T01: {企业: 一号矿}\n".encode()) == {"T01": {"企业": "一号矿"}}
        assert read_defaults(b"") == {}
        with pytest.raises(InputInvalid, match="T01"):
            read_defaults(b"T01: 3\n")

    def test_a_book_of_files(self) -> None:
        from tests.engine.office_builder import directory, trial_files

        files = {
            **trial_files(),
            "scenarios/defaults.yaml": b"{}",
            "scenarios/a.yaml": "title: 甲\nnow: 2026-09-28T09:00\nsteps:\n  - wait: 1 day".encode(),
            "scenarios/b.yaml": "title: 乙\nnow: 2026-09-28T09:00\nsteps:\n  - expect: {open: [A]}".encode(),
        }
        book = book_of(files, directory())
        assert [(r.title, r.passed) for r in book.run()] == [("甲", True), ("乙", False)]
        assert [r.file for r in book.run("b.y")] == ["b.yaml"]
        with pytest.raises(DefinitionRefused):
            book_of({"process.toml": b""}, directory())
