"""The product's next two releases, made out of a copy of this one: a column of the busiest table is renamed by expanding,
migrating and contracting, as docs/migrations.md has it.

`this` → `next`: the new column beside the old one, a trigger that keeps both alike, the old rows carried over; its code knows only
the new one. `after` is the release in which the old column goes. Each is a folder with an `engine`, `web` and `migrations`.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from engine.store.migrate import revision_wanted
from tests.faults.product import ROOT

OLD, NEW = "moved_at", "stirred_at"
"""The column of `cases` that every command of a person writes."""

_EXPAND = '''
"""The instant of the last movement gets its new name: both columns are there and say the same."""

from alembic import op

revision, down_revision = "{revision}", "{before}"
serves = "{before}"


def upgrade():
    op.execute("ALTER TABLE cases ADD COLUMN {new} timestamptz")
    op.execute("""
        CREATE FUNCTION both_names() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            IF TG_OP = 'INSERT' THEN
                NEW.{new} := coalesce(NEW.{new}, NEW.{old});
                NEW.{old} := coalesce(NEW.{old}, NEW.{new});
            ELSIF NEW.{new} IS DISTINCT FROM OLD.{new} THEN
                NEW.{old} := NEW.{new};
            ELSE
                NEW.{new} := NEW.{old};
            END IF;
            RETURN NEW;
        END $$
    """)
    op.execute("CREATE TRIGGER both_names BEFORE INSERT OR UPDATE ON cases FOR EACH ROW EXECUTE FUNCTION both_names()")
    op.execute("UPDATE cases SET {new} = {old} WHERE {new} IS NULL")
'''

_CONTRACT = '''
"""The old name of the instant of the last movement goes."""

from alembic import op

revision, down_revision = "{revision}", "{before}"


def upgrade():
    op.execute("DROP TRIGGER both_names ON cases")
    op.execute("DROP FUNCTION both_names")
    op.execute("ALTER TABLE cases DROP COLUMN {old}")
    op.execute("ALTER TABLE cases ALTER COLUMN {new} SET NOT NULL")
'''


@dataclass(frozen=True)
class Releases:
    """Folders with code, and the revisions they want."""

    this: Path
    next: Path
    after: Path
    expanded: str
    contracted: str


def made(folder: Path) -> Releases:
    present = revision_wanted()
    expanded, contracted = f"{int(present) + 1:04}", f"{int(present) + 2:04}"
    for name in ("next", "after"):
        target = folder / name
        for part in ("engine", "web", "migrations"):
            shutil.copytree(
                ROOT / part, target / part, ignore=shutil.ignore_patterns("__pycache__", "frontend")
            )
        for part in ("processes", "forms"):
            (target / part).symlink_to(ROOT / part)
        renamed = [
            _rename(path)
            for part in ("engine", "web")
            for path in (target / part).rglob("*")
            if path.is_file()
        ]
        assert any(renamed), f"nothing in the code says {OLD} any more"
        versions = target / "migrations" / "versions"
        text = _EXPAND.format(revision=expanded, before=present, old=OLD, new=NEW)
        (versions / f"{expanded}_expand.py").write_text(text)
        if name == "after":
            text = _CONTRACT.format(revision=contracted, before=expanded, old=OLD, new=NEW)
            (versions / f"{contracted}_contract.py").write_text(text)
    return Releases(ROOT, folder / "next", folder / "after", expanded, contracted)


def _rename(path: Path) -> bool:
    data = path.read_bytes()
    if OLD.encode() not in data:
        return False
    path.write_bytes(data.replace(OLD.encode(), NEW.encode()))
    return True
