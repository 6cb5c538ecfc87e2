"""What SpiffWorkflow is wrong about 第二引擎的已知缺陷, as data: seen on the version named, each shown by a test
(tests/engine/test_second_engine_faults.py), so that an upgrade which mends one is noticed.

What a fault touches is not compared: `drawing` leaves it out or draws it another way, and `following` stops there.
"""

from __future__ import annotations

from dataclasses import dataclass

VERSION = "3.2.0"


@dataclass(frozen=True, slots=True)
class Fault:
    """`key` names its test; `instead` is what the second engine is given, or that the comparison ends there."""

    key: str
    says: str
    instead: str


FAULTS: tuple[Fault, ...] = (
    Fault(
        "link_drops_token",
        "链接事件把令牌悄悄丢掉，流程报告“已完成”",
        "链接画成顺序流",
    ),
    Fault(
        "interrupting_event_subprocess",
        "中断型事件子流程启动后，原来的工作仍然开着",
        "不画；案件进入中断型事件子流程后不再对照",
    ),
    Fault(
        "compensation_ignored",
        "补偿抛出事件什么也不做",
        "不画；发生补偿后不再对照",
    ),
    Fault(
        "non_interrupting_fires_once",
        "不中断的边界事件（信号、消息）只触发一次",
        "再次触发时不再对照",
    ),
    Fault(
        "data_shared_with_history",
        "嵌套的数据在并行分支之间、与已完成任务的历史之间是同一份",
        "数据由本系统保管，第二引擎只走令牌",
    ),
    Fault(
        "overdue_timer_lost",
        "已到期的定时边界事件，如果先办完任务就被撤销",
        "定时由本系统决定，画成等待消息的事件",
    ),
    Fault(
        "expressions_are_python",
        "定时、条件和决策表的单元格按 Python 求值",
        "表达式交给本系统的 FEEL 求值",
    ),
    Fault(
        "loop_ends_by_itself",
        "没有出口的循环走几百轮以后，流程报告“已完成”，工作不见了",
        "情景没有这么多轮",
    ),
    Fault(
        "migration_restarts_timers",
        "迁移到新版本时定时重新起算",
        "不迁移",
    ),
    Fault(
        "inclusive_join_looks_one_way_back",
        "包容汇合只顺着一条来路往回看，别的来路上还有令牌也放行",
        "由本系统说明哪些令牌汇合",
    ),
    Fault(
        "join_counts_the_round_before",
        "循环里的并行汇合，第二轮会算上第一轮的令牌而提前放行",
        "同一处再次汇合时不再对照",
    ),
    Fault(
        "endless_loop_is_foreseen_endlessly",
        "只能由事件结束的循环，一开始就无穷预推而中断",
        "循环的回头路上加一个没有选择的排他网关",
    ),
)
