"""Closed cases that were moved into an archive file"""

import sqlalchemy as sa
from alembic import op

from engine.store.tables import Instant

revision = "0004"
down_revision = "0003"
serves = "0003"


def upgrade() -> None:
    op.create_table(
        "archived",
        sa.Column("case", sa.String(length=40), nullable=False),
        sa.Column("archive", sa.String(length=64), nullable=False),
        sa.Column("at", Instant(), nullable=False),
        sa.ForeignKeyConstraint(["case"], ["cases.id"]),
        sa.PrimaryKeyConstraint("case"),
    )
    op.create_index("archived_by_file", "archived", ["archive"], unique=False)
    if op.get_bind().dialect.name == "postgresql":
        run = "EXECUTE FUNCTION duban_append_only()"
        op.execute(
            f"CREATE TRIGGER archived_append_only BEFORE UPDATE OR DELETE ON archived FOR EACH ROW {run}"
        )
        op.execute(
            f"CREATE TRIGGER archived_no_truncate BEFORE TRUNCATE ON archived FOR EACH STATEMENT {run}"
        )
        return
    for event in ("UPDATE", "DELETE"):
        says = f"SELECT RAISE(ABORT, 'archived 只能追加，不能 {event}')"
        op.execute(f"CREATE TRIGGER archived_no_{event} BEFORE {event} ON archived BEGIN {says}; END")
