"""Who of a post has read a copy, what is unread by index, and more of what a handover lists; an index of drafts that nobody reads by"""

import sqlalchemy as sa
from alembic import op

from engine.store.tables import Instant

revision = "0017"
down_revision = "0016"
serves = "0004"

UNREAD = {"person": ["person"], "post": ["unit", "role"]}


def upgrade() -> None:
    op.create_table(
        "copy_reads",
        sa.Column("case", sa.String(40), nullable=False),
        sa.Column("copy", sa.Integer(), nullable=False),
        sa.Column("person", sa.String(40), nullable=False),
        sa.Column("at", Instant(), nullable=False),
        sa.ForeignKeyConstraint(["case"], ["cases.id"]),
        sa.PrimaryKeyConstraint("case", "copy", "person"),
    )
    for name, columns in UNREAD.items():
        to = sa.text(f"{columns[0]} != '' AND what = 'copy' AND read_at IS NULL")
        op.create_index(
            f"copies_unread_of_{name}",
            "copies",
            [*columns, "at", "case", "copy"],
            sqlite_where=to,
            postgresql_where=to,
        )
    op.drop_index("form_drafts_of_item", "form_drafts")
    for name in ("holder", "behalf"):
        op.add_column("handover_items", sa.Column(name, sa.String(40), server_default="", nullable=False))
    op.add_column(
        "handover_items", sa.Column("suspended", sa.Boolean(), server_default=sa.false(), nullable=False)
    )


def downgrade() -> None:
    for name in ("suspended", "behalf", "holder"):
        op.drop_column("handover_items", name)
    op.create_index("form_drafts_of_item", "form_drafts", ["case", "item"])
    for name in UNREAD:
        op.drop_index(f"copies_unread_of_{name}", "copies")
    op.drop_table("copy_reads")
