"""What lists are read by: who began a case and for which unit, when an item's case began, and indexes in the lists' order

What the program before this one still writes meanwhile has the columns' defaults: who began such a case sees it by its items, its
place and industry, but not by having begun it, until `audit.rebuild` or the next release's migration says `KNOWN` again.
"""

import sqlalchemy as sa
from alembic import op

from engine.store.tables import Instant

revision = "0005"
down_revision = "0004"
serves = "0004"

UNKNOWN = "1970-01-01T00:00:00.000000+00:00"
"""What the program before this one, which does not know the column, leaves in it."""

KNOWN = """UPDATE cases SET started_by = f.person, started_unit = CASE WHEN f.person = '' THEN '' ELSE f.unit END
    FROM facts f WHERE f."case" = cases.id AND f.seq = 1 AND f.person <> ''"""

OLD = {
    "cases_by_state": ("cases", ["package_key", "state", "deadline"], None),
    "cases_by_region": ("cases", ["region", "state"], None),
    "cases_by_sector": ("cases", ["sector", "state"], None),
    "cases_by_party": ("cases", ["party"], None),
    "cases_by_moved": ("cases", ["state", "moved_at"], None),
    "items_of_post": ("work_items", ["unit", "role", "due"], "state = 'open'"),
    "items_of_person": ("work_items", ["person", "due"], "state = 'open'"),
    "items_due": ("work_items", ["due"], "state = 'open'"),
    "items_closed_by": ("work_items", ["closed_by", "closed_at"], None),
    "incidents_open": ("incidents", ["resolved_at"], None),
}

NEW = {
    "cases_by_start": ("cases", ["started_at", "id"], None),
    "cases_by_region": ("cases", ["region", "started_at", "id"], None),
    "cases_by_sector": ("cases", ["sector", "started_at", "id"], None),
    "cases_by_status": ("cases", ["status", "started_at", "id"], None),
    "cases_by_party": ("cases", ["party", "started_at", "id"], None),
    "cases_by_started_unit": ("cases", ["started_unit", "started_at", "id"], None),
    "cases_by_started_by": ("cases", ["started_by", "started_at", "id"], None),
    "cases_by_number": ("cases", ["number"], None),
    "cases_by_moved": ("cases", ["moved_at", "id"], "state = 'open'"),
    "items_of_post": ("work_items", ["unit", "role", "person", "due", "case", "item"], "state = 'open'"),
    "items_of_unit": ("work_items", ["unit", "due", "case", "item"], "state = 'open'"),
    "items_of_person": (
        "work_items",
        ["person", "state", "due", "case", "item", "unit", "began"],
        "person != ''",
    ),
    "items_due": ("work_items", ["due", "case", "item"], "state = 'open'"),
    "items_closed_by": (
        "work_items",
        ["closed_by", "closed_at", "case", "item", "unit", "began"],
        "closed_by != ''",
    ),
    "items_seen_by_unit": ("work_items", ["unit", "began", "case"], None),
    "incidents_open": ("incidents", ["raised_at", "case", "incident"], "resolved_at IS NULL"),
}

Indexes = dict[str, tuple[str, list[str], str | None]]


def _exchange(gone: Indexes, made: Indexes) -> None:
    for name, (table, _, _) in gone.items():
        op.drop_index(name, table_name=table)
    for name, (table, columns, where) in made.items():
        condition = sa.text(where) if where else None
        op.create_index(name, table, columns, sqlite_where=condition, postgresql_where=condition)


def upgrade() -> None:
    for column, width in (("started_by", 40), ("started_unit", 200)):
        op.add_column("cases", sa.Column(column, sa.String(width), nullable=False, server_default=""))
    op.execute(KNOWN)
    began = sa.Column("began", Instant(), nullable=False, server_default=UNKNOWN)
    op.add_column("work_items", began)
    op.execute('UPDATE work_items SET began = c.started_at FROM cases c WHERE c.id = work_items."case"')
    _exchange(OLD, NEW)


def downgrade() -> None:
    _exchange(NEW, OLD)
    op.drop_column("work_items", "began")
    for column in ("started_unit", "started_by"):
        op.drop_column("cases", column)
