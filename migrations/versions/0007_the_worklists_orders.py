"""The worklist's other orders: items by when they came and by their case's number; filters a person keeps

What the program before this one still writes meanwhile has no number to be ordered by and stands last in that order, until its
item is closed or `audit.rebuild` says it again.
"""

import re

import sqlalchemy as sa
from alembic import op

from engine.store.tables import Instant

revision = "0007"
down_revision = "0006"
serves = "0004"

ORDERS = ("offered_at", "by_number")
HELD = {
    "items_of_post": (["unit", "role", "person"], "state = 'open'"),
    "items_of_unit": (["unit"], "state = 'open'"),
    "items_of_person": (["person"], "person != '' AND state = 'open'"),
}
SOME = 1000
"""Cases whose items are brought up to date together."""


def _number_open_items(connection: sa.Connection) -> None:
    """What `projection.by_number` said when this was written."""
    numbered = sa.text(
        "SELECT DISTINCT c.id, c.number FROM cases c JOIN work_items i ON i.\"case\" = c.id WHERE i.state = 'open' AND c.number <> ''"
    )
    put = sa.text("UPDATE work_items SET by_number = :said WHERE \"case\" = :id AND state = 'open'")
    rows = [
        {"id": row.id, "said": re.sub("[0-9]+", lambda found: found[0].zfill(10), row.number)[:200]}
        for row in connection.execute(numbered)
    ]
    for at in range(0, len(rows), SOME):
        connection.execute(put, rows[at : at + SOME])


def upgrade() -> None:
    op.add_column(
        "work_items", sa.Column("by_number", sa.String(length=200), nullable=False, server_default="")
    )
    _number_open_items(op.get_bind())
    for order in ORDERS:
        for name, (columns, where) in HELD.items():
            condition = sa.text(where)
            op.create_index(
                f"{name}_{order}", "work_items", [*columns, order, "case", "item"],
                sqlite_where=condition, postgresql_where=condition,
            )  # fmt: skip
    op.create_table(
        "saved_filters",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("person", sa.String(length=40), nullable=False),
        sa.Column("name", sa.String(length=60), nullable=False),
        sa.Column("query", sa.Text(), nullable=False),
        sa.Column("first", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("saved_at", Instant(), nullable=False),
        sa.ForeignKeyConstraint(["person"], ["people.id"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("person", "name"),
    )


def downgrade() -> None:
    op.drop_table("saved_filters")
    for order in ORDERS:
        for name in HELD:
            op.drop_index(f"{name}_{order}", table_name="work_items")
    op.drop_column("work_items", "by_number")
