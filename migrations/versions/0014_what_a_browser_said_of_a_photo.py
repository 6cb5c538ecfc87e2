"""Whether a photo's time and place are the browser's word"""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
serves = "0004"


def upgrade() -> None:
    op.add_column("files", sa.Column("stated", sa.Boolean(), server_default=sa.false(), nullable=False))


def downgrade() -> None:
    op.drop_column("files", "stated")
