"""Drafts of new cases and of actions, per person and form

Nothing older needs to know of them.
"""

import sqlalchemy as sa
from alembic import op

from engine.store.tables import Instant

revision = "0018"
down_revision = "0017"
serves = "0004"


def upgrade() -> None:
    op.create_table(
        "begun_forms",
        sa.Column("person", sa.String(length=40), nullable=False),
        sa.Column("form", sa.String(length=400), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("data", sa.LargeBinary(), nullable=False),
        sa.Column("saved_at", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("person", "form"),
    )


def downgrade() -> None:
    op.drop_table("begun_forms")
