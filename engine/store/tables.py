"""The tables 数据表. One truth, `facts`; everything else about cases is a projection of it and could be rebuilt.

Instants are UTC. Ids that appear in addresses (`cases.id`, `files.id`, `people.id`) are random. Units are known by
a stable text id, which is the name they were entered under.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Date,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
    Text,
)
from sqlalchemy.dialects.postgresql import ARRAY

metadata = sa.MetaData()


class Instant(sa.types.TypeDecorator[datetime]):
    """An aware UTC instant; on SQLite sortable ISO text with microseconds."""

    impl = String(32)
    cache_ok = True

    def load_dialect_impl(self, dialect: sa.Dialect) -> Any:
        if dialect.name == "postgresql":
            return dialect.type_descriptor(sa.DateTime(timezone=True))
        return dialect.type_descriptor(String(32))

    def process_bind_param(self, value: datetime | None, dialect: sa.Dialect) -> Any:
        if value is None:
            return None
        value = value.astimezone(UTC)
        return value if dialect.name == "postgresql" else value.isoformat(timespec="microseconds")

    def process_result_value(self, value: Any, dialect: sa.Dialect) -> datetime | None:
        if value is None:
            return None
        instant: datetime = datetime.fromisoformat(value) if isinstance(value, str) else value
        return instant.astimezone(UTC)


# -- definitions ---------------------------------------------------------------------------------------

packages = Table(
    "packages",
    metadata,
    Column("hash", String(64), primary_key=True),
    Column("key", String(100), nullable=False),
    Column("version", Integer, nullable=False),  # 1, 2, 3 … per key, for people
    Column("title", Text, nullable=False),
    Column("files", LargeBinary, nullable=False),  # zip of the package's files, deterministic
    Column("published_at", Instant, nullable=False),
    Column("published_by", String(40), nullable=False),
    Column("note", Text, nullable=False, default=""),
    sa.UniqueConstraint("key", "version"),
)

# -- cases ---------------------------------------------------------------------------------------------

cases = Table(
    "cases",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("number", String(100), nullable=False, default=""),
    Column("package", ForeignKey("packages.hash"), nullable=False),
    Column("package_key", String(100), nullable=False),
    Column("title", Text, nullable=False, default=""),
    Column("state", String(20), nullable=False),  # open | suspended | completed | cancelled | merged
    Column("status", String(40), nullable=False, default=""),  # the office's word (domain 3.2)
    Column("end", String(100), nullable=False, default=""),  # name of the end event reached
    Column("region", String(100), nullable=False, default=""),
    Column("sector", String(100), nullable=False, default=""),
    Column("party", String(200), nullable=False, default=""),
    Column("origin", String(40), nullable=False, default=""),
    Column("deadline", Date),  # the case's own limit (整改期限)
    Column("register", Text, nullable=False, default="{}"),  # JSON: column key → plain value
    Column("started_at", Instant, nullable=False),
    Column("ended_at", Instant),
    Column("moved_at", Instant, nullable=False),  # last time a person's work or a message moved it
    Column("seq", Integer, nullable=False),  # facts so far
    Column("head", LargeBinary(32), nullable=False),  # hash of the last fact
    Column("imported", Boolean, nullable=False, default=False),  # 补录
    Column("started_by", String(40), nullable=False, default="", server_default=""),  # "" = the engine
    Column("started_unit", String(200), nullable=False, default="", server_default=""),  # it was begun for
    Column(
        "rung", Integer, nullable=False, default=0, server_default="0"
    ),  # of the ladder 预警级, reached so far
    Column("supervisor", String(200), nullable=False, default="", server_default=""),  # 督办部门
    Column("closed_on", Date),  # 销号日期, by which lists strike a hazard off; a case may go on after it
    Column("merged_into", String(40), nullable=False, default="", server_default=""),  # the one that goes on
)
# The register is read newest first, by each of the ways in which a person comes to see a case (`web.sight`).
Index("cases_by_start", cases.c.started_at, cases.c.id)
for _way in ("region", "sector", "status", "party", "supervisor", "started_unit", "started_by"):
    Index(f"cases_by_{_way}", cases.c[_way], cases.c.started_at, cases.c.id)
Index("cases_by_number", cases.c.number)
on_the_ladder = cases.c.rung > sa.literal_column("0")
Index(
    "cases_by_rung",
    *(cases.c[c] for c in ("rung", "started_at", "id")),
    sqlite_where=on_the_ladder,
    postgresql_where=on_the_ladder,
)
running_case = cases.c.state == sa.literal_column("'open'")
"""Written out, not bound: only so is it seen that `cases_by_moved` holds what is asked for."""
Index(
    "cases_by_moved", cases.c.moved_at, cases.c.id, sqlite_where=running_case, postgresql_where=running_case
)

case_words = Table(
    "case_words",
    metadata,
    # Title, number and party of a case, a line each, by which the register finds it. Kept by triggers, no program writes it.
    Column("case", String(40), primary_key=True),
    Column("words", Text, nullable=False),
)
pairs_of = sa.func.duban_pairs(case_words.c.words, type_=ARRAY(Text))
"""PostgreSQL's alone: all pairs of neighbouring signs in them, which the index `case_words_pairs` holds; the migration makes both."""

facts = Table(
    "facts",
    metadata,
    Column("case", ForeignKey("cases.id"), primary_key=True),
    Column("seq", Integer, primary_key=True),  # from 1, no gaps
    Column("at", Instant, nullable=False),
    Column("kind", String(40), nullable=False),
    Column("person", String(40), nullable=False),  # "" = the engine
    Column("person_name", String(100), nullable=False),  # as it was then
    Column("unit", String(200), nullable=False),
    Column("role", String(40), nullable=False),
    Column("command", String(60), nullable=False),  # id of the command that caused it
    Column("data", LargeBinary, nullable=False),  # canonical JSON of the fact
    Column("hash", LargeBinary(32), nullable=False),  # H(previous hash ‖ canonical JSON of this row)
)
Index("facts_by_person", facts.c.person, facts.c.at)
Index("facts_by_time", facts.c.at)

snapshots = Table(
    "snapshots",
    metadata,
    Column("case", ForeignKey("cases.id"), primary_key=True),
    Column("seq", Integer, nullable=False),
    Column("head", LargeBinary(32), nullable=False),  # the fact it was taken after
    Column("state", LargeBinary, nullable=False),
)

commands = Table(
    "commands",
    metadata,
    Column("id", String(60), primary_key=True),  # given by the caller (Idempotency-Key) or made
    Column("case", String(40), nullable=False),
    Column("seq", Integer, nullable=False),  # facts after it
    Column("person", String(40), nullable=False),
    Column("at", Instant, nullable=False),
    Column("digest", String(64), nullable=False, default=""),  # SHA-256 of what was asked
)

office_facts = Table(
    "office_facts",
    metadata,
    # What happened to the office itself (publications, directory, calendar, accounts): one chain, like a case's.
    Column("seq", Integer, primary_key=True, autoincrement=False),  # from 1, no gaps
    Column("at", Instant, nullable=False),
    Column("kind", String(40), nullable=False),
    Column("person", String(40), nullable=False),
    Column("person_name", String(100), nullable=False),
    Column("subject", String(200), nullable=False),  # the id of what was changed
    Column("data", LargeBinary, nullable=False),
    Column("hash", LargeBinary(32), nullable=False),
)
Index("office_facts_by_time", office_facts.c.at)

# -- the proof: one tree of hashes over all chains (engine/audit/sequence.py) ---------------------------

leaves = Table(
    "leaves",
    metadata,
    Column("position", BigInteger, primary_key=True, autoincrement=False),  # from 0, no gaps
    Column(
        "case", String(40), nullable=False
    ),  # "" = the office; no reference: a leaf outlives what it names
    Column("seq", Integer, nullable=False),  # facts the chain had
    Column("head", LargeBinary(32), nullable=False),  # hash of the last of them
    sa.UniqueConstraint("case", "seq"),
)

tiles = Table(
    "tiles",
    metadata,
    Column("level", Integer, primary_key=True, autoincrement=False),  # 1: roots of 256 leaves; 2: of 256 such
    Column("position", BigInteger, primary_key=True, autoincrement=False),
    Column("hash", LargeBinary(32), nullable=False),
)

checkpoints = Table(
    "checkpoints",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=False),  # from 1
    Column("at", Instant, nullable=False),
    Column("size", BigInteger, nullable=False),  # leaves
    Column("root", LargeBinary(32), nullable=False),
    Column("note", Text, nullable=False),  # as signed
)

work_items = Table(
    "work_items",
    metadata,
    Column("case", ForeignKey("cases.id"), primary_key=True),
    Column("item", Integer, primary_key=True),
    Column("element", String(100), nullable=False),
    Column("name", Text, nullable=False),
    Column("form", String(100), nullable=False, default=""),
    Column("state", String(12), nullable=False),  # open | finished | returned | cancelled
    Column("unit", String(200), nullable=False, default=""),  # who holds it; "" = nobody was found
    Column("role", String(40), nullable=False, default=""),
    Column("person", String(40), nullable=False, default=""),  # claimed or assigned
    Column("basis", Text, nullable=False, default=""),
    Column("due", Instant),
    Column("offered_at", Instant, nullable=False),
    Column("claimed_at", Instant),
    Column("closed_at", Instant),
    Column("closed_by", String(40), nullable=False, default=""),
    # When its case began, by which lists of cases are ordered. The default is what a program from before this column leaves.
    Column("began", Instant, nullable=False, server_default="1970-01-01T00:00:00.000000+00:00"),
    # Its case's number, written so that the order of texts is that of numbers (`projection.by_number`); kept while it is open.
    Column("by_number", String(200), nullable=False, default="", server_default=""),
    # For whom `person`, or once it is closed `closed_by`, stood in 代; "" = nobody.
    Column("behalf", String(40), nullable=False, default="", server_default=""),
    Column("urged", Integer, nullable=False, default=0, server_default="0"),  # 催办: how often
    Column("urged_at", Instant),  # the last time
)
open_item = work_items.c.state == sa.literal_column("'open'")
closed_by_somebody = work_items.c.closed_by != sa.literal_column("''")
with_somebody = work_items.c.person != sa.literal_column("''")
"""The conditions of the partial indexes below, written out, not bound: a query that says the same words can use them."""


def _items(name: str, *columns: str, where: sa.ColumnElement[bool] | None = None) -> None:
    Index(name, *(work_items.c[c] for c in columns), sqlite_where=where, postgresql_where=where)


_order = ("due", "case", "item")
_items("items_of_post", "unit", "role", "person", *_order, where=open_item)
_items("items_of_unit", "unit", *_order, where=open_item)
_items("items_of_person", "person", "state", *_order, "unit", "began", where=with_somebody)
_items("items_due", *_order, where=open_item)
# The worklist's other orders: when it came, and its case's number.
_open_with_somebody = sa.and_(with_somebody, open_item)
for _sort in ("offered_at", "by_number"):
    _items(f"items_of_post_{_sort}", "unit", "role", "person", _sort, "case", "item", where=open_item)
    _items(f"items_of_unit_{_sort}", "unit", _sort, "case", "item", where=open_item)
    _items(f"items_of_person_{_sort}", "person", _sort, "case", "item", where=_open_with_somebody)
_items("items_closed_by", "closed_by", "closed_at", "case", "item", "unit", "began", where=closed_by_somebody)
_items("items_seen_by_unit", "unit", "began", "case")

copies = Table(
    "copies",
    metadata,
    # 抄送: who may see a case because it was copied to them, or because it goes on for one they could see.
    Column("case", ForeignKey("cases.id"), primary_key=True),
    Column("copy", Integer, primary_key=True),  # from 1
    Column("what", String(10), nullable=False),  # copy | merge
    Column("person", String(40), nullable=False, default=""),  # "" = it went to a post
    Column("unit", String(200), nullable=False, default=""),
    Column("role", String(40), nullable=False, default=""),  # "" = everybody of the unit
    Column("note", Text, nullable=False, default=""),
    Column("sent_by", String(40), nullable=False, default=""),  # "" = the diagram, or the merge
    Column("at", Instant, nullable=False),
    Column("read_at", Instant),
    Column("read_by", String(40), nullable=False, default=""),
    Column("began", Instant, nullable=False),  # the case, by which lists of cases are ordered
)
to_a_person = copies.c.person != sa.literal_column("''")
to_a_post = copies.c.unit != sa.literal_column("''")
"""The conditions of its partial indexes, as above."""
for _use, _then in (("of", ("what", "at")), ("seen_by", ("began",))):
    for _name, _first, _to in (("person", ("person",), to_a_person), ("post", ("unit", "role"), to_a_post)):
        _columns = [copies.c[c] for c in (*_first, *_then, "case", "copy")]
        Index(f"copies_{_use}_{_name}", *_columns, sqlite_where=_to, postgresql_where=_to)
unread_copy = sa.and_(copies.c.what == sa.literal_column("'copy'"), copies.c.read_at.is_(None))
"""Of a copy to a post: whether anybody of those who are in it has still to read it."""
for _name, _first, _to in (("person", ("person",), to_a_person), ("post", ("unit", "role"), to_a_post)):
    _columns, _to = [copies.c[c] for c in (*_first, "at", "case", "copy")], sa.and_(_to, unread_copy)
    Index(f"copies_unread_of_{_name}", *_columns, sqlite_where=_to, postgresql_where=_to)

copy_reads = Table(
    "copy_reads",
    metadata,
    # 阅知: who has read a copy that went to a post while others of it had not.
    Column("case", ForeignKey("cases.id"), primary_key=True),
    Column("copy", Integer, primary_key=True),
    Column("person", String(40), primary_key=True),
    Column("at", Instant, nullable=False),
)

joined_cases = Table(
    "joined_cases",
    metadata,
    Column("case", ForeignKey("cases.id"), primary_key=True),  # the one that goes on
    Column("other", String(40), primary_key=True),  # the one that was merged into it
    Column("at", Instant, nullable=False),
)

deadlines = Table(
    "deadlines",
    metadata,
    Column("case", ForeignKey("cases.id"), primary_key=True),
    Column("deadline", Integer, primary_key=True),
    Column("element", String(100), nullable=False),
    Column("name", Text, nullable=False, default=""),
    Column("owner", Integer, nullable=False),
    Column("due", Instant),  # None: its clock stands still
)
Index("deadlines_due", deadlines.c.due, deadlines.c.case)

subscriptions = Table(
    "subscriptions",
    metadata,
    Column("case", ForeignKey("cases.id"), primary_key=True),
    Column("subscription", Integer, primary_key=True),
    Column("what", String(10), nullable=False),
    Column("name", String(200), nullable=False),
    Column("key", String(200), nullable=False, default=""),
    Column("element", String(100), nullable=False),
)
Index("subscriptions_by_name", subscriptions.c.what, subscriptions.c.name, subscriptions.c.key)

incidents = Table(
    "incidents",
    metadata,
    Column("case", ForeignKey("cases.id"), primary_key=True),
    Column("incident", Integer, primary_key=True),
    Column("element", String(100), nullable=False),
    Column("code", String(40), nullable=False),
    Column("message", Text, nullable=False),
    Column("raised_at", Instant, nullable=False),
    Column("resolved_at", Instant),
)
open_incident = incidents.c.resolved_at.is_(None)
_since = (incidents.c.raised_at, incidents.c.case, incidents.c.incident)
Index("incidents_open", *_since, sqlite_where=open_incident, postgresql_where=open_incident)

jobs = Table(
    "jobs",
    metadata,
    Column("case", ForeignKey("cases.id"), primary_key=True),
    Column("job", Integer, primary_key=True),
    Column("element", String(100), nullable=False),
    Column("topic", String(100), nullable=False),
    Column("inputs", LargeBinary, nullable=False),
    Column("retries", Integer, nullable=False),
    Column("run_at", Instant, nullable=False),
    Column("locked_by", String(60), nullable=False, default=""),
    Column("locked_until", Instant),
)
Index("jobs_due", jobs.c.run_at)

outbox = Table(
    "outbox",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("key", String(200), nullable=False, unique=True),  # what makes a second sending recognisable
    Column("case", String(40), nullable=False),
    Column("what", String(20), nullable=False),  # message | signal | notice | begin | merge
    Column("data", LargeBinary, nullable=False),
    Column("written_at", Instant, nullable=False),
    Column("send_at", Instant, nullable=False),  # not before: later after a failed attempt
    Column("sent_at", Instant),
    Column("attempts", Integer, nullable=False, default=0),
    Column("last_error", Text, nullable=False, default=""),
)
_waiting = outbox.c.sent_at.is_(None)
Index("outbox_waiting", outbox.c.send_at, sqlite_where=_waiting, postgresql_where=_waiting)

notices = Table(
    "notices",
    metadata,
    Column("key", String(200), primary_key=True),
    Column("case", String(40), nullable=False),
    Column("unit", String(200), nullable=False, default=""),
    Column("role", String(40), nullable=False, default=""),
    Column("person", String(40), nullable=False, default=""),
    Column("title", Text, nullable=False),
    Column("body", Text, nullable=False, default=""),
    Column("at", Instant, nullable=False),
    Column("read_at", Instant),
)
Index("notices_of_post", notices.c.unit, notices.c.role, notices.c.at)

contacts = Table(
    "contacts",
    metadata,
    # Where reminders reach a person outside the program 提醒方式, and which of them.
    Column("person", ForeignKey("people.id"), primary_key=True),
    Column("channel", String(40), primary_key=True),  # key in the file of channels
    Column("address", String(200), nullable=False),
    Column("way", String(10), nullable=False),  # always | hours | digest
)

deliveries = Table(
    "deliveries",
    metadata,
    # Reminders on their way out of the house, and what became of them.
    Column("key", String(300), primary_key=True),  # notice or digest, receiver, channel
    Column("person", String(40), nullable=False),  # "" = a unit's group
    Column("unit", String(200), nullable=False, default=""),
    Column("channel", String(40), nullable=False),
    Column("case", String(40), nullable=False, default=""),
    Column("title", Text, nullable=False),
    Column("body", Text, nullable=False, default=""),
    Column("written_at", Instant, nullable=False),
    Column("send_at", Instant),  # not before; None: sent, or given up
    Column("sent_at", Instant),
    Column("attempts", Integer, nullable=False, default=0),
    Column("last_error", Text, nullable=False, default=""),
)
_to_be_sent = deliveries.c.send_at.is_not(None)
Index("deliveries_waiting", deliveries.c.send_at, sqlite_where=_to_be_sent, postgresql_where=_to_be_sent)
Index("deliveries_of_person", deliveries.c.person, deliveries.c.written_at)
Index("deliveries_by_time", deliveries.c.written_at)

numbers = Table(
    "numbers",
    metadata,
    Column("series", String(60), primary_key=True),
    Column("year", Integer, primary_key=True),
    Column("last", Integer, nullable=False),
)

files = Table(
    "files",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("name", Text, nullable=False),
    Column("media_type", String(100), nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("digest", String(64), nullable=False),
    Column("case", String(40), nullable=False, default=""),  # "" until attached
    Column("item", Integer, nullable=False, default=0),
    Column("uploaded_by", String(40), nullable=False),
    Column("uploaded_at", Instant, nullable=False),
    # the bytes lie in <data folder>/files/<id>
    # What a picture says of itself (engine/runtime/pictures.py); places in millionths of a degree.
    Column("width", Integer),
    Column("height", Integer),
    Column("taken_at", Instant),
    Column("latitude", Integer),
    Column("longitude", Integer),
    Column("device", String(100)),
    Column("stated", Boolean, nullable=False, default=False, server_default=sa.false()),  # by the browser
    Column("looked_at", Instant),  # when the attached picture was compared with the others
)
Index("files_of_case", files.c.case)
to_be_looked_at = sa.and_(
    files.c.looked_at.is_(None),
    files.c.case != sa.literal_column("''"),
    files.c.media_type.like(sa.literal_column("'image/%'")),
)
Index("files_to_look_at", files.c.uploaded_at, sqlite_where=to_be_looked_at, postgresql_where=to_be_looked_at)

pictures = Table(
    "pictures",
    metadata,
    # Attached pictures that can be compared (engine/runtime/likeness.py). Can be made again from the files.
    Column("number", Integer, primary_key=True, autoincrement=True),
    Column("file", String(40), nullable=False, unique=True),
    Column("case", String(40), nullable=False),
    Column("hashes", LargeBinary, nullable=False),  # 8 bytes for the whole and each of its cuts
)
Index("pictures_of_case", pictures.c.case)

picture_keys = Table(
    "picture_keys",
    metadata,
    # By which like pictures are found: a quarter of a hash each.
    Column("key", Integer, primary_key=True, autoincrement=False),
    Column("picture", ForeignKey("pictures.number", ondelete="CASCADE"), primary_key=True),
)
Index("picture_keys_of", picture_keys.c.picture)

hints = Table(
    "hints",
    metadata,
    # 疑似虚假整改: what a machine noticed of a picture, for reviewers only; nothing is decided by it.
    Column("id", String(40), primary_key=True),
    Column("case", String(40), nullable=False),
    Column("kind", String(20), nullable=False),  # duplicate | unchanged | older | far
    Column("file", String(40), nullable=False),
    Column("other", String(40), nullable=False, default=""),  # the picture it is like
    Column("other_case", String(40), nullable=False, default=""),
    Column("said", Text, nullable=False),  # why, without a word of the other case
    Column("made_at", Instant, nullable=False),
    Column("verdict", String(12), nullable=False, default="", server_default=""),  # confirmed | dismissed
    Column("reason", Text, nullable=False, default="", server_default=""),
    Column("judged_by", String(40), nullable=False, default="", server_default=""),
    Column("judged_at", Instant),
)
Index("hints_of_case", hints.c.case)

archived = Table(
    "archived",
    metadata,
    # Closed cases whose facts, rows and attachments were moved into an archive file; the row in `cases` stays.
    Column("case", ForeignKey("cases.id"), primary_key=True),
    Column("archive", String(64), nullable=False),  # SHA-256 of the file; an office fact bears witness to it
    Column("at", Instant, nullable=False),
)
Index("archived_by_file", archived.c.archive)

# -- the office's directory ----------------------------------------------------------------------------

units = Table(
    "units",
    metadata,
    Column("id", String(200), primary_key=True),
    Column("name", String(200), nullable=False),
    Column("kind", String(20), nullable=False),  # 安委办 督办部门 属地 企业 领导 专家 其他
    Column("parent", String(200), nullable=False, default=""),
    Column("code", String(40), nullable=False, default=""),  # 统一社会信用代码
    Column("region", String(100), nullable=False, default=""),
    Column("sector", String(100), nullable=False, default=""),
    Column("phone", String(40), nullable=False, default=""),
    Column("active", Boolean, nullable=False, default=True),
    Column("position", Integer, nullable=False, default=0),  # order in which they were entered
)

people = Table(
    "people",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("account", String(100), nullable=False, unique=True),
    Column("name", String(100), nullable=False),
    Column("title", Text, nullable=False, default=""),  # what the person does
    Column("password", Text, nullable=False, default=""),  # argon2; "" = cannot sign in
    Column("phone", String(40), nullable=False, default=""),
    Column("active", Boolean, nullable=False, default=True),
    Column("failures", Integer, nullable=False, default=0),
    Column("locked_until", Instant),
    Column("epoch", Integer, nullable=False, default=0),  # raised: all sessions of the person end
    Column("position", Integer, nullable=False, default=0),  # order in which they were entered
)

posts = Table(
    "posts",
    metadata,
    Column("person", ForeignKey("people.id"), primary_key=True),
    Column("unit", ForeignKey("units.id"), primary_key=True),
    Column("role", String(40), primary_key=True),
    Column("position", Integer, nullable=False, default=0),  # order in which a person's posts are listed
)
Index("posts_of_unit", posts.c.unit, posts.c.role)

absences = Table(
    "absences",
    metadata,
    # 离岗与替岗: who is away on which days, and who stands in. One that is withdrawn goes; office facts keep it.
    Column("id", String(40), primary_key=True),
    Column("person", ForeignKey("people.id"), nullable=False),
    Column("first", Date, nullable=False),  # days in the office's zone, both included
    Column("last", Date, nullable=False),
    Column("reason", Text, nullable=False),
    Column("substitute", String(40), nullable=False, default=""),  # "" = nobody
    Column("unit", String(200), nullable=False, default=""),  # with role: of one post only; "" = of all
    Column("role", String(40), nullable=False, default=""),
)
Index("absences_of_person", absences.c.person, absences.c.last)

handovers = Table(
    "handovers",
    metadata,
    # 移交: what one person had in hand, given to another or back to the post; the worker moves it item by item.
    Column("id", String(40), primary_key=True),
    Column("person", ForeignKey("people.id"), nullable=False),
    Column("successor", String(40), nullable=False, default=""),  # "" = back to the post
    Column("reason", Text, nullable=False),
    Column("at", Instant, nullable=False),
    Column("asked_by", String(40), nullable=False),
    Column("asked_name", String(100), nullable=False),
    Column("done_at", Instant),  # when the last of its items was moved
)
_unfinished = handovers.c.done_at.is_(None)
Index("handovers_unfinished", handovers.c.at, sqlite_where=_unfinished, postgresql_where=_unfinished)

handover_items = Table(
    "handover_items",
    metadata,
    # The list as it was confirmed, and what became of each line.
    Column("handover", ForeignKey("handovers.id"), primary_key=True),
    Column("position", Integer, primary_key=True, autoincrement=False),  # from 1
    Column("case", String(40), nullable=False),
    Column("item", Integer, nullable=False),
    Column("name", Text, nullable=False),
    Column("number", String(100), nullable=False),
    Column("title", Text, nullable=False),
    Column("unit", String(200), nullable=False),
    Column("role", String(40), nullable=False),
    Column("due", Instant),
    Column("holder", String(40), nullable=False, default="", server_default=""),  # "" = nobody had claimed it
    Column(
        "behalf", String(40), nullable=False, default="", server_default=""
    ),  # for whom `holder` stood in 代
    Column("suspended", sa.Boolean, nullable=False, default=False, server_default=sa.false()),  # 挂起
    Column("result", String(10), nullable=False, default=""),  # "" | moved | returned | gone | refused
    Column("said", Text, nullable=False, default=""),  # why, where it was not moved as asked
)

issued_lists = Table(
    "issued_lists",
    metadata,
    # 照单销号: a unit's list of hazards as it was issued. What is issued stays as it was; closings since are read beside it.
    Column("id", String(40), primary_key=True),
    Column("unit", String(200), nullable=False),
    Column("name", String(200), nullable=False),  # of the unit, as it was then
    Column("kind", String(20), nullable=False),
    Column("year", Integer, nullable=False),
    Column("number", Integer, nullable=False),  # of the unit's lists of that year, from 1
    Column("since", Date, nullable=False),  # first day from which closings were listed
    Column("until", Date, nullable=False),  # the day the list is of
    Column("at", Instant, nullable=False),
    Column("person", String(40), nullable=False),
    Column("person_name", String(100), nullable=False),
    Column("person_unit", String(200), nullable=False),
    sa.UniqueConstraint("unit", "year", "number"),
)
Index("issued_lists_by_time", issued_lists.c.at)

issued_lines = Table(
    "issued_lines",
    metadata,
    Column("list", ForeignKey("issued_lists.id"), primary_key=True),
    Column("position", Integer, primary_key=True, autoincrement=False),  # the number on the list, from 1
    Column("case", String(40), nullable=False),
    Column("number", String(100), nullable=False),
    Column("title", Text, nullable=False),
    Column("party", String(200), nullable=False),  # names, as they were then
    Column("region", String(100), nullable=False),
    Column("deadline", Date),
    Column("light", String(10), nullable=False),  # red | yellow | green; "" = none
    Column("status", String(40), nullable=False),
    Column("rung", String(40), nullable=False),  # by its name; "" = none
    Column("supervisor", String(200), nullable=False),
    Column("struck", Text, nullable=False),  # how it had left the list already; "" = open
)

responsibilities = Table(
    "responsibilities",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("sector", String(100), nullable=False),  # "*" any
    Column("region", String(100), nullable=False),  # "*" any
    Column("role", String(40), nullable=False),
    Column("unit", ForeignKey("units.id"), nullable=False),
    Column("source", Text, nullable=False, default=""),
    sa.UniqueConstraint("sector", "region", "role"),
)

calendar_days = Table(
    "calendar_days",
    metadata,
    Column("day", Date, primary_key=True),
    Column("working", Boolean, nullable=False),  # True: 调休补班, False: 节假日
    Column("note", Text, nullable=False, default=""),
)

calendar_years = Table(
    "calendar_years",
    metadata,
    Column("year", Integer, primary_key=True),
    Column("confirmed", Boolean, nullable=False),
    Column("source", Text, nullable=False, default=""),
)

ended_sessions = Table(
    "ended_sessions",
    metadata,
    Column("id", String(40), primary_key=True),  # of the session's cookie
    Column("until", Instant, nullable=False),  # then it would have died anyway
)

tokens = Table(
    "tokens",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("person", ForeignKey("people.id"), nullable=False),
    Column("name", String(100), nullable=False),
    Column(
        "digest", String(64), nullable=False, unique=True
    ),  # SHA-256 of the secret; the secret is shown once
    Column("made_at", Instant, nullable=False),
    Column("revoked_at", Instant),
)

saved_filters = Table(
    "saved_filters",
    metadata,
    # What a person looks for again and again in the worklist 常用筛选; nobody else sees it.
    Column("id", String(40), primary_key=True),
    Column("person", ForeignKey("people.id"), nullable=False),
    Column("name", String(60), nullable=False),
    Column("query", Text, nullable=False),  # of the page's address
    Column("first", Boolean, nullable=False, server_default=sa.false()),  # the page opens with it
    Column("saved_at", Instant, nullable=False),
    sa.UniqueConstraint("person", "name"),
)

drafts = Table(
    "drafts",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("package_key", String(100), nullable=False),
    Column("base", String(64), nullable=False),  # hash it was begun from
    Column("files", LargeBinary, nullable=False),
    Column("person", String(40), nullable=False),
    Column("revision", Integer, nullable=False),
    Column("changed_at", Instant, nullable=False),
)

form_drafts = Table(
    "form_drafts",
    metadata,
    # 草稿: what a person has typed for an item and not submitted; nobody else's to read, gone with the item.
    Column("person", String(40), primary_key=True),
    Column("case", String(40), primary_key=True),
    Column("item", Integer, primary_key=True),
    Column("revision", BigInteger, nullable=False),  # always larger than any before it
    Column("data", LargeBinary, nullable=False),  # JSON: field key → value
    Column("saved_at", Instant, nullable=False),  # by the host's clock
)

begun_forms = Table(
    "begun_forms",
    metadata,
    # 草稿, too: of forms that are no step, a new case or an action of a case; gone when submitted, or after a while.
    Column("person", String(40), primary_key=True),
    Column("form", String(400), primary_key=True),  # start/PACKAGE/START or action/CASE/ACTION
    Column("revision", BigInteger, nullable=False),  # always larger than any before it
    Column("data", LargeBinary, nullable=False),  # JSON: field key → value
    Column("saved_at", Instant, nullable=False),  # by the host's clock
)

settings = Table(
    "settings",
    metadata,
    Column("key", String(60), primary_key=True),  # e.g. demo_clock_offset
    Column("value", Text, nullable=False),
)
