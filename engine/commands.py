"""What may be asked 命令: imperative, addressed to one case, made by `web/api`, the worker or a scenario.

Two layers ask. People ask with the commands of the first part: `handlers` check whether it is open, allowed and
right, and turn them into facts. The kernel's own commands of the second part move tokens; `handlers`, the worker
and `duban play` hand them to `execution.advance`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime

from engine.values import Value


@dataclass(frozen=True, slots=True)
class Actor:
    """Who asks 办理人. `person` is "" for the engine itself (clocks, automatic steps).

    `unit` and `role` say in which post the person acts; `posts` are all posts (`ROLE@UNIT`) the person holds. `behalf` is the
    person stood in for 代, who is named in `name` too (李四代张三); the engine finds out and believes nobody else about it.
    """

    person: str = ""
    name: str = ""
    unit: str = ""
    role: str = ""
    posts: tuple[str, ...] = ()
    behalf: str = ""


ENGINE = Actor(name="系统")


@dataclass(frozen=True, slots=True)
class Command:
    """Something asked of the engine."""


# -- people --------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class StartCase(Command):
    """登记：begin a case of the newest published version of `package`, at start event `start` ("" = the none
    start of the package's main process), with the start's form filled in."""

    package: str
    form: dict[str, Value]
    start: str = ""


@dataclass(frozen=True, slots=True)
class ImportCase(Command):
    """补录：begin a case from a row of an older ledger at start event `start`, with these root variables.

    `source` says which file, sheet and row; `row` is what it said, `happened` when, `note` what was unclear.
    """

    package: str
    start: str
    variables: dict[str, Value]
    source: str
    row: dict[str, Value]
    happened: date | None = None
    note: str = ""


@dataclass(frozen=True, slots=True)
class ClaimItem(Command):
    """签收。"""

    case: str
    item: int


@dataclass(frozen=True, slots=True)
class ReleaseItem(Command):
    """退签。"""

    case: str
    item: int
    reason: str


@dataclass(frozen=True, slots=True)
class TransferItem(Command):
    """转办 to a unit (and role), or to a person of it."""

    case: str
    item: int
    reason: str
    unit: str = ""
    person: str = ""


@dataclass(frozen=True, slots=True)
class FinishItem(Command):
    """提交：finish a work item with its form. `files` are ids of uploaded files to attach with it."""

    case: str
    item: int
    form: dict[str, Value]
    files: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ReturnItem(Command):
    """退回 to an earlier step that somebody has finished, of the same scope or of one around it, with the reason. `to` ""
    means the step before. What has begun since then is withdrawn with it."""

    case: str
    item: int
    reason: str
    to: str = ""


@dataclass(frozen=True, slots=True)
class WithdrawItem(Command):
    """撤回：who finished a work item takes it back, while nothing that followed has begun."""

    case: str
    item: int
    reason: str


@dataclass(frozen=True, slots=True)
class AddSigner(Command):
    """加签 at an open item: a `person`, or a `unit` and `role`, signs as well.

    `way`: "beside" one more in the running 会签, "before" the holder waits for an opinion 征求意见, "after" signs when the
    holder has finished. `due` is the signer's own limit (aware instant); None: that of the step.
    """

    case: str
    item: int
    way: str
    reason: str
    unit: str = ""
    role: str = ""
    person: str = ""
    due: datetime | None = None


@dataclass(frozen=True, slots=True)
class TakeBackSigner(Command):
    """减签：who signs `item` (an added signer's, or that of one who takes part in a 会签) need not sign any more."""

    case: str
    item: int
    reason: str


@dataclass(frozen=True, slots=True)
class CallAction(Command):
    """A person's action on a case that the package offers (延期申请, 判定调整 …): a message with a form.

    `action` is the key under `[actions]` of process.toml.
    """

    case: str
    action: str
    form: dict[str, Value]


@dataclass(frozen=True, slots=True)
class SuspendCase(Command):
    """挂起 until `until` at the latest (aware instant)."""

    case: str
    reason: str
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class ResumeCase(Command):
    """恢复。"""

    case: str
    reason: str


@dataclass(frozen=True, slots=True)
class CancelCase(Command):
    """作废，with a reason. Nothing is deleted."""

    case: str
    reason: str


@dataclass(frozen=True, slots=True)
class AddNote(Command):
    """评论, perhaps about an item, perhaps as an answer to comment `reply`. Who is named in the text with @姓名 is told of it;
    `mentions` (ids) say who is meant where several bear the name. `copy`: whoever of them cannot see the case gets a copy."""

    case: str
    text: str
    item: int = 0
    reply: int = 0
    mentions: tuple[str, ...] = ()
    copy: bool = False


@dataclass(frozen=True, slots=True)
class CopyCase(Command):
    """抄送 the case to people (ids) and posts (`ROLE@UNIT`; `@UNIT` = everybody of the unit), who may see it from then on."""

    case: str
    people: tuple[str, ...] = ()
    posts: tuple[str, ...] = ()
    note: str = ""


@dataclass(frozen=True, slots=True)
class ReadCopies(Command):
    """阅知：the actor has read what copies of the case came to the actor or to one of the actor's posts."""

    case: str


@dataclass(frozen=True, slots=True)
class UrgeItem(Command):
    """催办 who holds an open item, with a sentence."""

    case: str
    item: int
    text: str


@dataclass(frozen=True, slots=True)
class MergeCase(Command):
    """并案：end the case because `into` is about the same hazard and goes on. It cannot be undone."""

    case: str
    into: str
    reason: str


@dataclass(frozen=True, slots=True)
class JoinCase(Command):
    """并入：what the outbox brings to the case that goes on when `other` was merged into it (`CaseMerged`). The engine's own."""

    case: str
    other: str
    number: str = ""
    reason: str = ""
    people: tuple[str, ...] = ()
    posts: tuple[str, ...] = ()
    joined: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class CorrectRegister(Command):
    """更正台账：the office puts right what the register says in columns the package lets it correct; `values` by variable."""

    case: str
    values: dict[str, Value]
    reason: str


@dataclass(frozen=True, slots=True)
class AttachFile(Command):
    """佐证：attach an uploaded file to the case."""

    case: str
    file: str
    item: int = 0


@dataclass(frozen=True, slots=True)
class CheckPosts(Command):
    """岗位核对：what people did who are no longer in the post goes back to it, and an item that nobody can take any more is an
    incident, as long as that is so. The engine asks it when the directory has changed."""

    case: str


@dataclass(frozen=True, slots=True)
class JudgeHint(Command):
    """核实或排除疑似虚假整改提示：a reviewer's word on what a machine noticed. `verdict`: "confirmed" or "dismissed"."""

    case: str
    hint: str
    verdict: str
    reason: str


# -- the kernel ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class KernelCommand(Command):
    """Something asked of `execution.advance`. The case is the state it is given."""


@dataclass(frozen=True, slots=True)
class StartProcess(KernelCommand):
    """Begin a case of `process` at `start`, one of its entries ("" = its only plain one), in a fresh state. `part` is the
    definition of a parallel multiple event that has come, the others are still to come; -1: all of them have."""

    process: str
    start: str = ""
    variables: dict[str, Value] = field(default_factory=dict)
    person: str = ""
    unit: str = ""
    part: int = -1
    behalf: str = ""


@dataclass(frozen=True, slots=True)
class CompleteItem(KernelCommand):
    """A user or manual task was finished with these results."""

    item: int
    variables: dict[str, Value] = field(default_factory=dict)
    person: str = ""
    unit: str = ""
    behalf: str = ""


@dataclass(frozen=True, slots=True)
class CompleteJob(KernelCommand):
    """An automatic task was done with these results."""

    job: int
    variables: dict[str, Value] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class FailJob(KernelCommand):
    """An automatic task failed for good: an incident is raised. (On an open work item, which stays open, too.)"""

    job: int
    reason: str


@dataclass(frozen=True, slots=True)
class ThrowError(KernelCommand):
    """A task (item or job) ends with a BPMN error."""

    id: int
    error: str
    message: str = ""
    variables: dict[str, Value] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class PassDeadline(KernelCommand):
    """The timer is due. Nothing happens when it is no longer armed, or armed for later than now."""

    deadline: int


@dataclass(frozen=True, slots=True)
class DeliverMessage(KernelCommand):
    """A message for this case: reaches every subscription of that name and key (an empty key of the
    subscription matches any)."""

    name: str
    key: str = ""
    variables: dict[str, Value] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class DeliverSignal(KernelCommand):
    """A signal for this case: reaches every subscription of that name."""

    name: str
    variables: dict[str, Value] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class MoveItem(KernelCommand):
    """退回：the case stands at `to` again, as it did before somebody finished it; what has begun since then is cancelled. `to`
    is an element of the item's scope or of one around it. Needs the case's history."""

    item: int
    to: str
    person: str = ""
    unit: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class TakeBack(KernelCommand):
    """撤回：the finished item is open again under a new id; what followed is cancelled. Needs the case's history."""

    item: int
    person: str = ""
    unit: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class EnterSigner(KernelCommand):
    """加签：see `AddSigner`. `value` is what the added round of a 会签 has as its element of the list."""

    item: int
    way: str
    unit: str
    role: str
    person: str
    by: str
    reason: str
    value: Value = None
    due: datetime | None = None


@dataclass(frozen=True, slots=True)
class RemoveSigner(KernelCommand):
    """减签：see `TakeBackSigner`."""

    item: int
    by: str
    reason: str


@dataclass(frozen=True, slots=True)
class RetryIncident(KernelCommand):
    """处理异常：try the halted element again, after `variables` were corrected in its scope."""

    incident: int
    variables: dict[str, Value] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Suspend(KernelCommand):
    """All clocks of the case stand still; the remaining working time is kept."""

    reason: str
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Resume(KernelCommand):
    """All clocks go on with what they had left."""

    reason: str


@dataclass(frozen=True, slots=True)
class Cancel(KernelCommand):
    """End the case here."""

    reason: str


@dataclass(frozen=True, slots=True)
class Merge(KernelCommand):
    """End the case here, because another goes on for it: `CaseMerged` with these words."""

    into: str
    reason: str
    joined: dict[str, str]
    number: str = ""
    own: str = ""
    people: tuple[str, ...] = ()
    posts: tuple[str, ...] = ()
