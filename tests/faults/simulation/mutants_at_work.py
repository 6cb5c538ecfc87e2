"""Mutants in what people do to each other's work 办理中的毛病: for each of these commands, the rule that an engine forgets first."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any
from unittest import mock

from engine.execution import countersign, moving, signing
from engine.execution.state import APPLY
from engine.facts import SignerTakenBack, WorkItemTransferred
from engine.handlers import commenting, copying, going_back, merging, urging
from engine.handlers import work as handling
from engine.runtime import relay
from tests.faults.simulation.mutants import Mutant, mutant

AT_WORK: list[Mutant] = []


@mutant("撤回: what somebody has begun is taken from under his hands", AT_WORK)
def withdrawn_though_begun() -> Iterator[None]:
    with mock.patch.object(going_back, "_begun", lambda recall, work: ""):
        yield


@mutant("撤回: who takes back gains time, for all clocks begin anew", AT_WORK)
def withdrawn_with_new_clocks() -> Iterator[None]:
    with mock.patch.object(moving, "_keep_clocks", lambda run, owner, one: None):
        yield


@mutant("转办: a step passed on to a unit stays with the person who had claimed it", AT_WORK)
def passed_on_and_kept() -> Iterator[None]:
    transferred = APPLY[WorkItemTransferred]

    def kept(state: Any, fact: Any) -> None:
        person = state.items[fact.id].person
        transferred(state, fact)
        state.items[fact.id].person = fact.person or person

    with mock.patch.dict(APPLY, {WorkItemTransferred: kept}):
        yield


@mutant("前加签: the step is finished without the opinion it waits for", AT_WORK)
def opinion_not_awaited() -> Iterator[None]:
    def nobody(state: Any, item: int) -> list[Any]:
        return []

    with mock.patch.object(handling, "awaited", nobody), mock.patch.object(signing, "awaited", nobody):
        yield


@mutant("后加签: the step goes on as soon as one of those added has signed", AT_WORK)
def first_signature_counts() -> Iterator[None]:
    def at_once(run: Any, host: Any) -> None:
        signing.leave(run, host, host.result, host.result)

    with mock.patch.object(signing, "_leave_when_all_have_signed", at_once):
        yield


@mutant("后加签不同意 is heard as if it were an agreement", AT_WORK)
def no_word_against() -> Iterator[None]:
    with mock.patch.object(signing, "AGAINST", ""):
        yield


@mutant("减签: who was taken back still counts among those who have to sign", AT_WORK)
def taken_back_and_counted() -> Iterator[None]:
    taken = APPLY[SignerTakenBack]

    def counted(state: Any, fact: Any) -> None:
        instance = state.instances.get(fact.id)
        body = state.instances[instance.scope] if instance is not None else None
        before = None if body is None else body.taken
        taken(state, fact)
        if body is not None:
            body.taken = before

    with mock.patch.dict(APPLY, {SignerTakenBack: counted}):
        yield


@mutant("会签: the share is rounded down", AT_WORK)
def share_rounded_down() -> Iterator[None]:
    def fewer(share: Any, total: int) -> int:
        return int(share * total)

    with mock.patch.object(countersign, "needed", fewer):
        yield


@mutant("催办: whoever likes urges as often as he likes", AT_WORK)
def urged_without_end() -> Iterator[None]:
    with mock.patch.object(urging, "must_be_theirs_to_urge", lambda item, work: None):
        yield


@mutant("抄送: whoever confirms has read the copies of all", AT_WORK)
def read_for_others() -> Iterator[None]:
    with mock.patch.object(copying, "_is_to", lambda copy, work: True):
        yield


@mutant("评论: who cannot see the case is told of it", AT_WORK)
def strangers_told() -> Iterator[None]:
    with mock.patch.object(commenting, "_strangers", lambda people, work: []):
        yield


@mutant("并案: the case that goes on is never told", AT_WORK)
def merged_in_silence() -> Iterator[None]:
    with mock.patch.object(relay, "_merge", lambda engine, key, sender, data: None):
        yield


@mutant("并案 into a case that has ended", AT_WORK)
def merged_into_the_past() -> Iterator[None]:
    other = merging._other

    def always_open(into: str, work: Any) -> Any:
        asked = work.setting.other

        def opened(case: str) -> Any:
            found = asked(case)
            return None if found is None else replace(found, state="open")

        work.setting = replace(work.setting, other=opened)
        return other(into, work)

    with mock.patch.object(merging, "_other", always_open):
        yield
