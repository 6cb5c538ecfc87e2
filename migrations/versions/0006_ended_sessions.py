"""Sessions ended by signing out, for all processes to see"""

import sqlalchemy as sa
from alembic import op

from engine.store.tables import Instant

revision = "0006"
down_revision = "0005"
serves = "0004"


def upgrade() -> None:
    op.create_table(
        "ended_sessions",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("until", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )


def downgrade() -> None:
    op.drop_table("ended_sessions")
