"""Where people are reached outside the program, and reminders on their way"""

import sqlalchemy as sa
from alembic import op

from engine.store.tables import Instant

revision = "0011"
down_revision = "0010"
serves = "0004"


def upgrade() -> None:
    op.create_table(
        "contacts",
        sa.Column("person", sa.String(length=40), nullable=False),
        sa.Column("channel", sa.String(length=40), nullable=False),
        sa.Column("address", sa.String(length=200), nullable=False),
        sa.Column("way", sa.String(length=10), nullable=False),
        sa.ForeignKeyConstraint(["person"], ["people.id"]),
        sa.PrimaryKeyConstraint("person", "channel"),
    )
    op.create_table(
        "deliveries",
        sa.Column("key", sa.String(length=300), nullable=False),
        sa.Column("person", sa.String(length=40), nullable=False),
        sa.Column("unit", sa.String(length=200), nullable=False),
        sa.Column("channel", sa.String(length=40), nullable=False),
        sa.Column("case", sa.String(length=40), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("written_at", Instant(), nullable=False),
        sa.Column("send_at", Instant(), nullable=True),
        sa.Column("sent_at", Instant(), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("last_error", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("key"),
    )
    waiting = sa.text("send_at IS NOT NULL")
    op.create_index(
        "deliveries_waiting", "deliveries", ["send_at"], sqlite_where=waiting, postgresql_where=waiting
    )
    op.create_index("deliveries_of_person", "deliveries", ["person", "written_at"])
    op.create_index("deliveries_by_time", "deliveries", ["written_at"])


def downgrade() -> None:
    op.drop_table("deliveries")
    op.drop_table("contacts")
