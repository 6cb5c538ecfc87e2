"""Who is away and who stands in 离岗与替岗, for whom an item was done, and handovers 移交"""

import sqlalchemy as sa
from alembic import op

from engine.store.tables import Instant

revision = "0009"
down_revision = "0008"
serves = "0004"


def upgrade() -> None:
    op.add_column("work_items", sa.Column("behalf", sa.String(length=40), nullable=False, server_default=""))
    op.create_table(
        "absences",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("person", sa.String(length=40), nullable=False),
        sa.Column("first", sa.Date(), nullable=False),
        sa.Column("last", sa.Date(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("substitute", sa.String(length=40), nullable=False),
        sa.Column("unit", sa.String(length=200), nullable=False),
        sa.Column("role", sa.String(length=40), nullable=False),
        sa.ForeignKeyConstraint(["person"], ["people.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("absences_of_person", "absences", ["person", "last"])
    op.create_table(
        "handovers",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("person", sa.String(length=40), nullable=False),
        sa.Column("successor", sa.String(length=40), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("at", Instant(), nullable=False),
        sa.Column("asked_by", sa.String(length=40), nullable=False),
        sa.Column("asked_name", sa.String(length=100), nullable=False),
        sa.Column("done_at", Instant(), nullable=True),
        sa.ForeignKeyConstraint(["person"], ["people.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    where = sa.text("done_at IS NULL")
    op.create_index("handovers_unfinished", "handovers", ["at"], sqlite_where=where, postgresql_where=where)
    op.create_table(
        "handover_items",
        sa.Column("handover", sa.String(length=40), nullable=False),
        sa.Column("position", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("case", sa.String(length=40), nullable=False),
        sa.Column("item", sa.Integer(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("number", sa.String(length=100), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("unit", sa.String(length=200), nullable=False),
        sa.Column("role", sa.String(length=40), nullable=False),
        sa.Column("due", Instant(), nullable=True),
        sa.Column("result", sa.String(length=10), nullable=False),
        sa.Column("said", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["handover"], ["handovers.id"]),
        sa.PrimaryKeyConstraint("handover", "position"),
    )


def downgrade() -> None:
    op.drop_table("handover_items")
    op.drop_table("handovers")
    op.drop_table("absences")
    with op.batch_alter_table("work_items") as items:
        items.drop_column("behalf")
