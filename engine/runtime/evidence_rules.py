"""What the office sets for evidence 佐证设置: which files are taken and how large, and when a picture is looked at twice.

Kept as one text in the settings; every change is an office fact. All defaults are our own [P].
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import orjson
import sqlalchemy as sa

from engine.commands import Actor
from engine.errors import InputInvalid
from engine.runtime.file_kinds import BY_KEY, DOCUMENT, KINDS, PICTURE
from engine.runtime.present import Present
from engine.store import settings

KEY = "evidence"

MEGABYTE = 1 << 20


@dataclass(frozen=True, slots=True)
class Limit:
    """One number the office may change: what it is, its unit, its bounds, and where the default comes from."""

    name: str
    title: str
    unit: str
    least: int
    most: int
    source: str


LIMITS = (
    Limit("picture_mb", "照片每张最大", "MB", 1, 200, "[P] 手机原图一般不超过 15 MB"),
    Limit("document_mb", "文档每份最大", "MB", 1, 200, "[P] 扫描件"),
    Limit("video_mb", "视频每段最大", "MB", 1, 2000, "[P] 约两三分钟的手机视频"),
    Limit("megapixels", "照片最多像素", "百万", 1, 300, "[P] 超过的按解压炸弹拒收"),
    Limit("half_hours", "没传完的文件保留", "小时", 1, 720, "[P] 断网一两天还能续传"),
    Limit("similar_percent", "与其他案件照片相似到多少提示", "%", 70, 100, "[P] 试验中同一张照片改动后一般在 97% 以上"),
    Limit("unchanged_percent", "本案整改前后照片相似到多少提示", "%", 70, 100, "[P] 同一机位的真实前后照片一般低于它"),
    Limit("older_hours", "照片早于督办多久提示", "小时", 0, 8760, "[P] 容许手机时钟和时区误差"),
    Limit("far_metres", "拍摄地点离现场多远提示", "米", 50, 100_000, "[P] 矿区、园区的范围"),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class EvidenceRules:
    """The office's rules for evidence in force. `kinds` are keys of `file_kinds.KINDS`."""

    kinds: tuple[str, ...] = tuple(kind.key for kind in KINDS)
    picture_mb: int = 50
    document_mb: int = 50
    video_mb: int = 500
    megapixels: int = 120
    half_hours: int = 48
    similar_percent: int = 90
    unchanged_percent: int = 95
    older_hours: int = 12
    far_metres: int = 2000

    def largest(self, family: str) -> int:
        """Bytes a file of this family may have."""
        by_family = {PICTURE: self.picture_mb, DOCUMENT: self.document_mb}
        return by_family.get(family, self.video_mb) * MEGABYTE


def read(connection: sa.Connection) -> EvidenceRules:
    """The rules in force; defaults where the office has said nothing."""
    text = settings.get(connection, [KEY]).get(KEY, "")
    said: dict[str, Any] = orjson.loads(text) if text else {}
    if "kinds" in said:
        said["kinds"] = tuple(said["kinds"])
    fields = EvidenceRules.__dataclass_fields__
    return EvidenceRules(**{name: value for name, value in said.items() if name in fields})


def change(engine: Present, changes: dict[str, Any], actor: Actor) -> EvidenceRules:
    """Set some of the rules. Raises `InputInvalid` with what is allowed."""
    _check(changes)
    with engine.desk(actor) as desk:
        before = read(desk.connection)
        said = asdict(before) | changes
        after = EvidenceRules(**(said | {"kinds": tuple(said["kinds"])}))
        settings.put(desk.connection, KEY, orjson.dumps(asdict(after)).decode())
        desk.note("EvidenceRulesSet", KEY, {"title": _told(before, after), **changes})
    return after


def _check(changes: dict[str, Any]) -> None:
    limits = {one.name: one for one in LIMITS}
    for name, value in changes.items():
        if name == "kinds":
            unknown = [one for one in value if one not in BY_KEY]
            if unknown or not value:
                raise InputInvalid(
                    f"请至少选一类文件；可选：{'、'.join(BY_KEY)}。", errors={"kinds": ["请至少选一类文件。"]}
                )
            continue
        limit = limits.get(name)
        if limit is None:
            raise InputInvalid(f"没有“{name}”这项佐证设置。")
        if not limit.least <= value <= limit.most:
            said = f"{limit.title}应在 {limit.least} 到 {limit.most} {limit.unit}之间。"
            raise InputInvalid(said, errors={name: [said]})


def _told(before: EvidenceRules, after: EvidenceRules) -> str:
    changed = [
        f"{one.title} {getattr(after, one.name)} {one.unit}"
        for one in LIMITS
        if getattr(after, one.name) != getattr(before, one.name)
    ]
    if set(after.kinds) != set(before.kinds):
        changed.append(f"可上传 {'、'.join(after.kinds)}")
    return "；".join(changed) or "没有改动"
