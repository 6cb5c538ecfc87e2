"""What pictures say of themselves, what they are like, and what reviewers are told of them"""

import sqlalchemy as sa
from alembic import op

from engine.store.tables import Instant

revision = "0012"
down_revision = "0011"
serves = "0004"

TO_BE_LOOKED_AT = sa.text("looked_at IS NULL AND \"case\" != '' AND media_type LIKE 'image/%'")


def upgrade() -> None:
    op.add_column("files", sa.Column("width", sa.Integer()))
    op.add_column("files", sa.Column("height", sa.Integer()))
    op.add_column("files", sa.Column("taken_at", Instant()))
    op.add_column("files", sa.Column("latitude", sa.Integer()))
    op.add_column("files", sa.Column("longitude", sa.Integer()))
    op.add_column("files", sa.Column("device", sa.String(length=100)))
    op.add_column("files", sa.Column("looked_at", Instant()))
    where = {"sqlite_where": TO_BE_LOOKED_AT, "postgresql_where": TO_BE_LOOKED_AT}
    op.create_index("files_to_look_at", "files", ["uploaded_at"], unique=False, **where)
    op.create_table(
        "pictures",
        sa.Column("number", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("file", sa.String(length=40), nullable=False),
        sa.Column("case", sa.String(length=40), nullable=False),
        sa.Column("hashes", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("number"),
        sa.UniqueConstraint("file"),
    )
    op.create_index("pictures_of_case", "pictures", ["case"], unique=False)
    op.create_table(
        "picture_keys",
        sa.Column("key", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("picture", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["picture"], ["pictures.number"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("key", "picture"),
    )
    op.create_index("picture_keys_of", "picture_keys", ["picture"], unique=False)
    op.create_table(
        "hints",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("case", sa.String(length=40), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("file", sa.String(length=40), nullable=False),
        sa.Column("other", sa.String(length=40), nullable=False),
        sa.Column("other_case", sa.String(length=40), nullable=False),
        sa.Column("said", sa.Text(), nullable=False),
        sa.Column("made_at", Instant(), nullable=False),
        sa.Column("verdict", sa.String(length=12), server_default="", nullable=False),
        sa.Column("reason", sa.Text(), server_default="", nullable=False),
        sa.Column("judged_by", sa.String(length=40), server_default="", nullable=False),
        sa.Column("judged_at", Instant()),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("hints_of_case", "hints", ["case"], unique=False)


def downgrade() -> None:
    op.drop_table("hints")
    op.drop_table("picture_keys")
    op.drop_table("pictures")
    op.drop_index("files_to_look_at", "files")
    for name in ("looked_at", "device", "longitude", "latitude", "taken_at", "height", "width"):
        op.drop_column("files", name)
