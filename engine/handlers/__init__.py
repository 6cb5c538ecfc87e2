"""The handlers 办理: a command and a case in, facts out.

`decide` is the only door. It checks what people may do, lets the kernel move the tokens, and settles what follows
at once: who gets the new items, what the engine does itself.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from engine.commands import (
    AddNote,
    AddSigner,
    AttachFile,
    CallAction,
    CancelCase,
    CheckPosts,
    ClaimItem,
    Command,
    CopyCase,
    CorrectRegister,
    FinishItem,
    ImportCase,
    JoinCase,
    JudgeHint,
    KernelCommand,
    MergeCase,
    ReadCopies,
    ReleaseItem,
    ResumeCase,
    ReturnItem,
    StartCase,
    SuspendCase,
    TakeBackSigner,
    TransferItem,
    UrgeItem,
    WithdrawItem,
)
from engine.errors import InputInvalid
from engine.execution.state import State
from engine.facts import Fact
from engine.handlers import (
    actions,
    cases,
    commenting,
    copying,
    going_back,
    hints,
    items,
    machine,
    merging,
    posts,
    signing,
    urging,
)
from engine.handlers.setting import FileInfo, HintInfo, OtherCase, Setting
from engine.handlers.settle import settle
from engine.handlers.work import Work

HANDLERS: dict[type[Command], Callable[[Any, Work], None]] = {
    StartCase: cases.start_case,
    ImportCase: cases.import_case,
    SuspendCase: cases.suspend_case,
    ResumeCase: cases.resume_case,
    CancelCase: cases.cancel_case,
    AddNote: commenting.add_note,
    CopyCase: copying.copy_case,
    ReadCopies: copying.read_copies,
    UrgeItem: urging.urge_item,
    MergeCase: merging.merge_case,
    JoinCase: merging.join_case,
    AttachFile: cases.attach_file,
    CorrectRegister: cases.correct_register,
    JudgeHint: hints.judge_hint,
    ClaimItem: items.claim_item,
    ReleaseItem: items.release_item,
    TransferItem: items.transfer_item,
    FinishItem: items.finish_item,
    ReturnItem: going_back.return_item,
    WithdrawItem: going_back.withdraw_item,
    CallAction: actions.call_action,
    CheckPosts: posts.check_posts,
    AddSigner: signing.add_signer,
    TakeBackSigner: signing.take_back_signer,
}


def decide(command: Command, state: State, setting: Setting) -> list[Fact]:
    """The facts that follow from a command. `state` is evolved in place; throw it away on an exception.

    Deadlines due before `setting.moment.now` must have been passed already (`PassDeadline` by the engine).
    Raises an `EngineError` with the reason in Chinese when the command is refused.
    """
    work = Work(state, setting)
    if isinstance(command, KernelCommand):
        machine.pass_on(command, work)
    else:
        handler = HANDLERS.get(type(command))
        if handler is None:
            raise InputInvalid(f"系统不认识这个命令：{type(command).__name__}")
        handler(command, work)
    settle(work)
    posts.keep_apart(work)
    return work.facts


__all__ = ["FileInfo", "HintInfo", "OtherCase", "Setting", "decide"]
