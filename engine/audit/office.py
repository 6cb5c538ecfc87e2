"""What happened to the office itself 内务记录: publications, directory, calendar, accounts: one chain of its own.

Cases have their chains; these facts belong to no case, so they stand in `office_facts`, bound in the same way. They are
rare, and one after the other; a single chain costs nothing here.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from engine.audit import chain
from engine.commands import Actor
from engine.store.tables import office_facts
from engine.values import dumps, loads


@dataclass(frozen=True, slots=True)
class OfficeEntry:
    """One line of the office's own record. `data` says what it was set to; secrets never stand here."""

    seq: int
    at: datetime
    kind: str
    person: str
    person_name: str
    subject: str
    data: dict[str, Any]
    hash: bytes


_last = sa.select(office_facts.c.seq, office_facts.c.hash).order_by(office_facts.c.seq.desc()).limit(1)
_insert = sa.insert(office_facts)

KINDS = {
    "PackagePublished": "发布了流程",
    "UnitSaved": "维护了单位",
    "PersonSaved": "维护了人员",
    "PostsSet": "调整了岗位",
    "AbsenceEntered": "登记了离岗",
    "AbsenceWithdrawn": "撤销了离岗",
    "HandoverBegun": "办理了移交",
    "ListIssued": "出具了销号清单",
    "UrgingSet": "调整了催办上限",
    "ResponsibilitySet": "维护了职责库",
    "ResponsibilityRemoved": "删除了职责库的一行",
    "CalendarDaySet": "调整了工作日历",
    "CalendarDayCleared": "取消了工作日历的调整",
    "CalendarYearConfirmed": "确认了年度节假日安排",
    "CalendarYearOpened": "撤销了年度节假日安排的确认",
    "OfficeHoursSet": "调整了办公时间",
    "MonitorSet": "调整了监控的设置",
    "WorklistSet": "调整了我的待办的设置",
    "EvidenceRulesSet": "调整了佐证的设置",
    "PasswordSet": "设置了密码",
    "TokenMade": "发放了访问令牌",
    "TokenRevoked": "收回了访问令牌",
    "SignInLocked": "连续登录失败，账号锁定",
    "LedgerImported": "导入了历史台账",
    "DemoClockMoved": "拨动了演示时钟",
    "ClockConfirmed": "确认了系统时钟",
    "ClockJumpAllowed": "调整了时钟告警的界限",
    "CheckpointKeyMade": "生成了检查点的签名密钥",
    "CheckpointsSet": "设置了检查点",
    "RemindersSet": "设置了提醒",
    "BackupRestored": "从备份恢复了系统",
    "OutboxReleased": "解除了恢复后的发送暂停",
    "CasesArchived": "封存了已办结的案件",
    "ArchivingSet": "设置了封存年限",
}
"""Every kind of office fact, with how a list of them says it."""


def note(
    connection: sa.Connection,
    kind: str,
    subject: str,
    data: dict[str, Any],
    actor: Actor,
    at: datetime,
    digest: chain.Hash,
) -> OfficeEntry:
    """Write one office fact, in the caller's writing transaction."""
    if kind not in KINDS:
        raise KeyError(kind)
    last = connection.execute(_last).first()
    seq, head = (last.seq, last.hash) if last is not None else (0, chain.START)
    seq += 1
    body = dumps(data)
    head = chain.link(
        digest, head, "", seq, chain.instant_text(at), kind, actor.person, actor.name, subject, "", "", body
    )
    connection.execute(
        _insert,
        [
            {
                "seq": seq,
                "at": at,
                "kind": kind,
                "person": actor.person,
                "person_name": actor.name,
                "subject": subject,
                "data": body,
                "hash": head,
            }
        ],
    )
    return OfficeEntry(seq, at, kind, actor.person, actor.name, subject, data, head)


def entry_of(row: Any) -> OfficeEntry:
    """A row of `office_facts` as an entry."""
    return OfficeEntry(
        row.seq, row.at, row.kind, row.person, row.person_name, row.subject, loads(row.data), row.hash
    )


def sentence(entry: OfficeEntry) -> str:
    """One Chinese sentence: who did what to what."""
    who = entry.person_name or "系统"
    return f"{who}{KINDS.get(entry.kind, entry.kind)}：{entry.data.get('title') or entry.subject}"
