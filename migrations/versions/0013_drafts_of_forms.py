"""Drafts of forms, per person and item

Nothing older needs to know of them.
"""

import sqlalchemy as sa
from alembic import op

from engine.store.tables import Instant

revision = "0013"
down_revision = "0012"
serves = "0004"


def upgrade() -> None:
    op.create_table(
        "form_drafts",
        sa.Column("person", sa.String(length=40), nullable=False),
        sa.Column("case", sa.String(length=40), nullable=False),
        sa.Column("item", sa.Integer(), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("data", sa.LargeBinary(), nullable=False),
        sa.Column("saved_at", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("person", "case", "item"),
    )
    op.create_index("form_drafts_of_item", "form_drafts", ["case", "item"])


def downgrade() -> None:
    op.drop_table("form_drafts")
