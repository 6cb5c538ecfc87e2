"""Who may know that somebody reported 举报保密 (领域说明 4, P2): the office, leaders, auditors, departments and the keeper of
reports. Towns and enterprises never learn of it, neither from what is shown nor from what one person writes to another.
"""

from __future__ import annotations

from collections.abc import Iterable

from engine.errors import InputInvalid, NotAllowed
from engine.handlers.visibility import REPORT, keeps, knows
from engine.handlers.work import Work


def must_keep(work: Work, text: str, posts: Iterable[tuple[str, str]], name: str, field: str) -> None:
    """Refuse a text to somebody with these posts that would tell of a report, or that comes from its keeper."""
    if knows(posts, work.directory):
        return
    if REPORT in text:
        raise InputInvalid(
            f"{name}不能知悉举报事项。请把文字中“{REPORT}”的内容去掉后再发送。",
            errors={field: ["请去掉举报的内容。"]},
        )
    if keeps(work.directory.posts_of(work.actor.person)):
        raise NotAllowed(f"按举报保密的规定，举报专管员不直接联系{name}，请由安委办转告。")
