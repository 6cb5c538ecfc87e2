"""Old backups 清理旧备份: of the copies in a place the newest stay, the rest go with the attachments that only they had.

Only whole copies count and only whole ones go: one whose manifest cannot be read or whose tables are not there in their size is
left for a person to look at, and stands in nobody's place. As long as there is such a one, no attachment is removed.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass, field
from pathlib import Path

from engine.errors import BackupBroken, InputInvalid
from engine.runtime.backup import FILES, MANIFEST, PARTIAL, Manifest, only_one, read_manifest


@dataclass(slots=True)
class Pruned:
    """What went, what stays, and what was left alone because it is not whole (names of folders); how many attachments went."""

    removed: list[str] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)
    not_whole: list[str] = field(default_factory=list)
    files: int = 0


def prune(place: Path, keep: int, made: Path) -> Pruned:
    """Keep the `keep` newest whole copies in `place`, and in any case the one that was just `made` and proved; what killed
    backups have left half done goes. Raises `InputInvalid` for fewer than one, `Conflict` while a backup is
    being made there, `OSError`."""
    if keep < 1:
        raise InputInvalid("至少要保留一份备份：--keep 应为 1 或更大的数。")
    done = Pruned()
    with only_one(place):
        for half in place.glob(f"*Z{PARTIAL}"):
            shutil.rmtree(half)
        whole: dict[Path, Manifest] = {}
        for folder in sorted(p.parent for p in place.glob(f"*/{MANIFEST}")):
            if folder.name.endswith(PARTIAL):
                continue
            manifest = _whole(folder)
            if manifest is None:
                done.not_whole.append(folder.name)
            else:
                whole[folder] = manifest
        stay = {*list(whole)[-keep:], made} & set(whole)
        for folder in whole:
            if folder in stay:
                done.kept.append(folder.name)
                continue
            going = folder.with_name(folder.name + PARTIAL)  # half removed it is no copy any more
            folder.rename(going)
            shutil.rmtree(going)
            done.removed.append(folder.name)
        if done.removed and not done.not_whole:
            done.files = _remove_files(place / FILES, {digest for f in stay for digest, _ in whole[f].files})
    return done


def _whole(folder: Path) -> Manifest | None:
    """The manifest of a copy whose tables are there in their size."""
    try:
        manifest = read_manifest(folder)
        for table in manifest.tables:
            if (folder / f"{table.name}.jsonl").stat().st_size != table.size:
                return None
    except (BackupBroken, OSError):
        return None
    return manifest


def _remove_files(folder: Path, wanted: set[str]) -> int:
    gone = [file for file in folder.iterdir() if file.name not in wanted]
    for file in gone:
        file.unlink()
    return len(gone)
