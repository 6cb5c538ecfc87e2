"""What the register shows of a case: its rung on the ladder, its supervising department, the day it was struck off

Cases that are there have them from the register's columns, under the names the office's own process gives them. What the program
before this one writes meanwhile keeps what was there; the case's next change, or `audit.rebuild`, brings it up to date.
"""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
serves = "0004"

WRITTEN = {
    "postgresql": """UPDATE cases SET
        rung = CASE WHEN CAST(register AS json) ->> '预警级' ~ '^[0-9]{1,2}$' THEN CAST(CAST(register AS json) ->> '预警级' AS integer) ELSE 0 END,
        supervisor = substr(coalesce(CAST(register AS json) ->> '主办督办部门', ''), 1, 200),
        closed_on = CASE WHEN CAST(register AS json) ->> '销号日期' ~ '^[0-9]{4}-[0-9]{2}-[0-9]{2}$'
                    THEN CAST(CAST(register AS json) ->> '销号日期' AS date) END
        WHERE register LIKE '%主办督办部门%'""",
    "sqlite": """UPDATE cases SET
        rung = CASE WHEN typeof(json_extract(register, '$."预警级"')) = 'integer' AND json_extract(register, '$."预警级"') BETWEEN 0 AND 99
               THEN json_extract(register, '$."预警级"') ELSE 0 END,
        supervisor = substr(coalesce(json_extract(register, '$."主办督办部门"'), ''), 1, 200),
        closed_on = CASE WHEN json_extract(register, '$."销号日期"') LIKE '____-__-__' THEN json_extract(register, '$."销号日期"') END
        WHERE register LIKE '%主办督办部门%'""",
}


def upgrade() -> None:
    op.add_column("cases", sa.Column("rung", sa.Integer(), nullable=False, server_default="0"))
    op.add_column("cases", sa.Column("supervisor", sa.String(200), nullable=False, server_default=""))
    op.add_column("cases", sa.Column("closed_on", sa.Date(), nullable=True))
    op.execute(WRITTEN[op.get_bind().dialect.name])
    op.create_index("cases_by_supervisor", "cases", ["supervisor", "started_at", "id"])
    op.create_index(
        "cases_by_rung",
        "cases",
        ["rung", "started_at", "id"],
        sqlite_where=sa.text("rung > 0"),
        postgresql_where=sa.text("rung > 0"),
    )


def downgrade() -> None:
    for index in ("cases_by_rung", "cases_by_supervisor"):
        op.drop_index(index, table_name="cases")
    for column in ("closed_on", "supervisor", "rung"):
        op.drop_column("cases", column)
