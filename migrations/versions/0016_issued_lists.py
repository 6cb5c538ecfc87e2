"""Lists of a unit's hazards as they were issued, line by line"""

import sqlalchemy as sa
from alembic import op

from engine.store.tables import Instant

revision = "0016"
down_revision = "0015"
serves = "0004"


def upgrade() -> None:
    op.create_table(
        "issued_lists",
        sa.Column("id", sa.String(40), nullable=False),
        sa.Column("unit", sa.String(200), nullable=False),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("kind", sa.String(20), nullable=False),
        sa.Column("year", sa.Integer(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("since", sa.Date(), nullable=False),
        sa.Column("until", sa.Date(), nullable=False),
        sa.Column("at", Instant(), nullable=False),
        sa.Column("person", sa.String(40), nullable=False),
        sa.Column("person_name", sa.String(100), nullable=False),
        sa.Column("person_unit", sa.String(200), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("unit", "year", "number"),
    )
    op.create_index("issued_lists_by_time", "issued_lists", ["at"])
    op.create_table(
        "issued_lines",
        sa.Column("list", sa.String(40), nullable=False),
        sa.Column("position", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("case", sa.String(40), nullable=False),
        sa.Column("number", sa.String(100), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("party", sa.String(200), nullable=False),
        sa.Column("region", sa.String(100), nullable=False),
        sa.Column("deadline", sa.Date(), nullable=True),
        sa.Column("light", sa.String(10), nullable=False),
        sa.Column("status", sa.String(40), nullable=False),
        sa.Column("rung", sa.String(40), nullable=False),
        sa.Column("supervisor", sa.String(200), nullable=False),
        sa.Column("struck", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["list"], ["issued_lists.id"]),
        sa.PrimaryKeyConstraint("list", "position"),
    )


def downgrade() -> None:
    op.drop_table("issued_lines")
    op.drop_table("issued_lists")
