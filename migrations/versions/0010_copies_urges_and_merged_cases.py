"""Copies of cases, how often an item was urged, and which case goes on for a merged one"""

import sqlalchemy as sa
from alembic import op

from engine.store.tables import Instant

revision = "0010"
down_revision = "0009"
serves = "0004"

TO_PERSON, TO_POST = "person <> ''", "unit <> ''"

INDEXES = {
    "copies_of_person": (["person", "what", "at", "case", "copy"], TO_PERSON),
    "copies_seen_by_person": (["person", "began", "case", "copy"], TO_PERSON),
    "copies_of_post": (["unit", "role", "what", "at", "case", "copy"], TO_POST),
    "copies_seen_by_post": (["unit", "role", "began", "case", "copy"], TO_POST),
}


def upgrade() -> None:
    def text(name: str, width: int) -> sa.Column[str]:
        return sa.Column(name, sa.String(width), nullable=False, server_default="")

    op.add_column("cases", text("merged_into", 40))
    op.add_column("work_items", sa.Column("urged", sa.Integer(), nullable=False, server_default="0"))
    op.add_column("work_items", sa.Column("urged_at", Instant(), nullable=True))
    op.create_table(
        "copies",
        sa.Column("case", sa.String(40), nullable=False),
        sa.Column("copy", sa.Integer(), nullable=False),
        sa.Column("what", sa.String(10), nullable=False),
        sa.Column("person", sa.String(40), nullable=False),
        sa.Column("unit", sa.String(200), nullable=False),
        sa.Column("role", sa.String(40), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("sent_by", sa.String(40), nullable=False),
        sa.Column("at", Instant(), nullable=False),
        sa.Column("read_at", Instant(), nullable=True),
        sa.Column("read_by", sa.String(40), nullable=False),
        sa.Column("began", Instant(), nullable=False),
        sa.ForeignKeyConstraint(["case"], ["cases.id"]),
        sa.PrimaryKeyConstraint("case", "copy"),
    )
    for name, (columns, where) in INDEXES.items():
        condition = sa.text(where)
        op.create_index(name, "copies", columns, sqlite_where=condition, postgresql_where=condition)
    op.create_table(
        "joined_cases",
        sa.Column("case", sa.String(40), nullable=False),
        sa.Column("other", sa.String(40), nullable=False),
        sa.Column("at", Instant(), nullable=False),
        sa.ForeignKeyConstraint(["case"], ["cases.id"]),
        sa.PrimaryKeyConstraint("case", "other"),
    )


def downgrade() -> None:
    op.drop_table("joined_cases")
    op.drop_table("copies")
    op.drop_column("work_items", "urged_at")
    op.drop_column("work_items", "urged")
    op.drop_column("cases", "merged_into")
