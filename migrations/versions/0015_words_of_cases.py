"""The words by which cases are found in the register, kept beside them by triggers

They change a few times in a case's life, where its row changes with every command: an index of words on `cases` itself would be
written each time. The triggers serve the program before this one, too.
"""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
serves = "0004"

# Pairs of neighbouring signs: most Chinese words have two, for which an index of three (pg_trgm) is of no use.
# The cost keeps the planner from making the pairs of every row anew where the index has them.
PAIRS = """CREATE OR REPLACE FUNCTION duban_pairs(said text) RETURNS text[] LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE COST 100000 AS
    $$ SELECT array_agg(substr(said, n, 2)) FROM generate_series(1, length(said) - 1) AS n $$"""

KEEP = """CREATE OR REPLACE FUNCTION duban_case_words() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    INSERT INTO case_words ("case", words) VALUES (NEW.id, concat_ws(chr(10), NEW.title, NEW.number, NEW.party))
    ON CONFLICT ("case") DO UPDATE SET words = excluded.words; RETURN NULL; END $$"""

CHANGED = "NEW.title <> OLD.title OR NEW.number <> OLD.number OR NEW.party <> OLD.party"


def upgrade() -> None:
    op.create_table(
        "case_words",
        sa.Column("case", sa.String(40), nullable=False),
        sa.Column("words", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("case"),
    )
    if op.get_bind().dialect.name == "postgresql":
        run = "FOR EACH ROW {}EXECUTE FUNCTION duban_case_words()"
        for statement in (
            PAIRS,
            KEEP,
            "CREATE TRIGGER cases_new_words AFTER INSERT ON cases " + run.format(""),
            "CREATE TRIGGER cases_other_words AFTER UPDATE OF title, number, party ON cases "
            + run.format(f"WHEN ({CHANGED}) "),
            "INSERT INTO case_words SELECT id, concat_ws(chr(10), title, number, party) FROM cases",
            "CREATE INDEX case_words_pairs ON case_words USING gin (duban_pairs(words))",
        ):
            op.execute(statement)
        return
    said = "INSERT OR REPLACE INTO case_words VALUES (NEW.id, NEW.title || char(10) || NEW.number || char(10) || NEW.party)"
    op.execute(f"CREATE TRIGGER cases_new_words AFTER INSERT ON cases BEGIN {said}; END")
    op.execute(
        f"CREATE TRIGGER cases_other_words AFTER UPDATE OF title, number, party ON cases WHEN {CHANGED} BEGIN {said}; END"
    )
    op.execute(
        "INSERT INTO case_words SELECT id, title || char(10) || number || char(10) || party FROM cases"
    )


def downgrade() -> None:
    postgresql = op.get_bind().dialect.name == "postgresql"
    for trigger in ("cases_new_words", "cases_other_words"):
        op.execute(f"DROP TRIGGER {trigger}" + (" ON cases" if postgresql else ""))
    op.drop_table("case_words")
    if postgresql:
        op.execute("DROP FUNCTION duban_case_words()")
        op.execute("DROP FUNCTION duban_pairs(text)")
