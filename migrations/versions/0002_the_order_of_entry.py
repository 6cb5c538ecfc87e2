"""The order in which units and people were entered, kept in a column instead of SQLite's row ids"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    connection = op.get_bind()
    for table in ("units", "people"):
        op.add_column(table, sa.Column("position", sa.Integer(), nullable=False, server_default="0"))
        order = "rowid" if connection.dialect.name == "sqlite" else "id"
        ids = connection.execute(sa.text(f"SELECT id FROM {table} ORDER BY {order}")).scalars().all()
        if ids:
            connection.execute(
                sa.text(f"UPDATE {table} SET position = :position WHERE id = :id"),
                [{"id": id_, "position": n} for n, id_ in enumerate(ids, 1)],
            )


def downgrade() -> None:
    for table in ("units", "people"):
        op.drop_column(table, "position")
