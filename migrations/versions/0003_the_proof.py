"""The tree of hashes, and tables that only grow"""

import sqlalchemy as sa
from alembic import op

from engine.store.tables import Instant

revision = "0003"
down_revision = "0002"

GROWING = ("facts", "office_facts", "leaves", "tiles", "checkpoints")


def upgrade() -> None:
    op.create_table(
        "leaves",
        sa.Column("position", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("case", sa.String(length=40), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("head", sa.LargeBinary(length=32), nullable=False),
        sa.PrimaryKeyConstraint("position"),
        sa.UniqueConstraint("case", "seq"),
    )
    op.create_table(
        "tiles",
        sa.Column("level", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("position", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("hash", sa.LargeBinary(length=32), nullable=False),
        sa.PrimaryKeyConstraint("level", "position"),
    )
    op.create_table(
        "checkpoints",
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("at", Instant(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("root", sa.LargeBinary(length=32), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("number"),
    )
    postgresql = op.get_bind().dialect.name == "postgresql"
    if postgresql:
        op.execute(
            "CREATE OR REPLACE FUNCTION duban_append_only() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
            "RAISE EXCEPTION '% 只能追加，不能 %', TG_TABLE_NAME, TG_OP USING ERRCODE = 'restrict_violation'; END $$"
        )
    for table in GROWING:
        if postgresql:
            run = "EXECUTE FUNCTION duban_append_only()"
            op.execute(
                f"CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE ON {table} FOR EACH ROW {run}"
            )
            op.execute(
                f"CREATE TRIGGER {table}_no_truncate BEFORE TRUNCATE ON {table} FOR EACH STATEMENT {run}"
            )
            continue
        for event in ("UPDATE", "DELETE"):
            says = f"SELECT RAISE(ABORT, '{table} 只能追加，不能 {event}')"
            op.execute(f"CREATE TRIGGER {table}_no_{event} BEFORE {event} ON {table} BEGIN {says}; END")
