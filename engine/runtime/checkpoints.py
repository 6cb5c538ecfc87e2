"""Making checkpoints 检查点 when they are due, and putting them into a second place outside the database.

The second place is a folder (better of another machine), in it one folder a tree: the public key, every checkpoint as a file of
its own, and the leaves of the sequence in pieces. With the leaves a verification can name the case that was rewritten, not
only say that one was. After a restore another tree begins (`forget_the_tree`), so that what one name stands for never forks.
"""

from __future__ import annotations

import contextlib
import logging
import os
import secrets
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import sqlalchemy as sa

from engine.audit import chain, checkpoint, sequence, signing
from engine.audit.checkpoint import Checkpoint
from engine.audit.sequence import NEVER
from engine.commands import ENGINE, Actor
from engine.errors import InputInvalid
from engine.runtime.engine import Engine
from engine.store import settings
from engine.store.tables import checkpoints, leaves
from engine.store.tables import settings as settings_table

log = logging.getLogger(__name__)

MINUTES, FOLDER, ORIGIN = "checkpoint_minutes", "checkpoint_folder", "checkpoint_origin"
SWEPT, EXPORT_ERROR = "checkpoint_swept_at", "checkpoint_export_error"

EVERY_MINUTES = 10
"""How often where the office has not said otherwise [P]."""

LONGEST_MINUTES = 24 * 60
"""At least daily: the proof cannot be switched off."""

LOOK_SECONDS = 10.0
"""How often a worker looks whether one is due [P]."""

MARGIN = timedelta(hours=1)
"""How far before the last checkpoint a round looks for facts that were committed late [P]; the daily one looks at all."""

DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Plan:
    """What the office has set."""

    minutes: int
    folder: str
    export_error: str


def plan(connection: sa.Connection) -> Plan:
    """How often checkpoints are made, where they are put besides, and why the last putting failed ("" if it did not)."""
    found = settings.get(connection, [MINUTES, FOLDER, EXPORT_ERROR])
    return Plan(int(found.get(MINUTES, EVERY_MINUTES)), found.get(FOLDER, ""), found.get(EXPORT_ERROR, ""))


def set_plan(engine: Engine, actor: Actor, *, minutes: int | None = None, folder: str | None = None) -> None:
    """Say how often, and where to. Raises `InputInvalid`."""
    if minutes is not None and not 1 <= minutes <= LONGEST_MINUTES:
        raise InputInvalid(f"检查点的间隔须在 1 到 {LONGEST_MINUTES} 分钟之间，现在是 {minutes}。")
    if folder and not Path(folder).is_absolute():
        raise InputInvalid(f"检查点的存放目录须写完整路径，现在是“{folder}”。")
    with engine.desk(actor) as desk:
        if minutes is not None:
            settings.put(desk.connection, MINUTES, str(minutes))
        if folder is not None:
            settings.put(desk.connection, FOLDER, folder)
        kept = plan(desk.connection)
        title = f"每 {kept.minutes} 分钟" + (f"，另存到 {kept.folder}" if kept.folder else "，不另存")
        desk.note("CheckpointsSet", "checkpoint", {"title": title})


@contextlib.contextmanager
def making(engine: Engine) -> Iterator[None]:
    """While the block runs, a thread of its own makes them as they fall due: the first one of a big database takes minutes, and
    deadlines do not wait for it."""
    stop = threading.Event()
    thread = threading.Thread(target=_keep_making, args=(engine, stop), name="checkpoints")
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def _keep_making(engine: Engine, stop: threading.Event) -> None:
    while not stop.is_set():
        try:
            make_if_due(engine, stop)
        except Exception:
            log.exception("no checkpoint could be made; it is tried again")
        stop.wait(LOOK_SECONDS)


def make_if_due(engine: Engine, stop: threading.Event = NEVER) -> Checkpoint | None:
    """Make and put away a checkpoint if one is due. A second place that cannot be written is said in the log and kept in the
    settings; the checkpoint is made all the same. Once `stop` is set, what was begun is left for the next one."""
    now = engine.now()
    with engine.read() as connection:
        every = timedelta(minutes=plan(connection).minutes)
        query = sa.select(checkpoints.c.at).order_by(checkpoints.c.number.desc()).limit(1)
        last = connection.execute(query).scalar()
    if last is not None and last <= now < last + every:
        return None
    return make(engine, stop)


def make(engine: Engine, stop: threading.Event = NEVER) -> Checkpoint | None:
    """Number what is new, sign the tree, put it into the second place. None when nothing is new since the last one of today, when
    another process is at it, or when `stop` was set meanwhile."""
    now = engine.now()
    signer = signer_of(engine)
    with engine.read() as connection:
        kept = settings.get(connection, [SWEPT, chain.SETTING])
        query = sa.select(checkpoints).order_by(checkpoints.c.number.desc()).limit(1)
        last = connection.execute(query).first()
    swept = datetime.fromisoformat(kept[SWEPT]) if SWEPT in kept else None
    sweep = last is None or swept is None or not swept <= now < swept + DAY
    sequence.append(engine.database, engine.digest, None if sweep or last is None else last.at - MARGIN, stop)
    if stop.is_set():
        return None
    with engine.database.write() as connection:
        if not sequence.alone(connection):
            return None
        newest = connection.execute(sa.select(sa.func.max(checkpoints.c.number))).scalar()
        if newest != (last.number if last is not None else None):
            return None  # another process has made one meanwhile
        if sweep:
            settings.put(connection, SWEPT, now.isoformat())
        elif last is not None and sequence.size(connection) == last.size:
            return None
        hash_name = kept.get(chain.SETTING, "sha256")
        made = checkpoint.make(connection, signer, signer.name, now, hash_name)
    put_away(engine)
    return made


def put_away(engine: Engine) -> bool:
    """Bring the second place up to date, if there is one. Whether it could be done."""
    with engine.read() as connection:
        kept = plan(connection)
    said = ""
    if kept.folder:
        try:
            export(engine, Path(kept.folder))
        except OSError as error:
            said = f"{kept.folder}：{error.strerror or type(error).__name__}"
            log.error("the checkpoint was not put into its second place: %s", said)
    if said != kept.export_error:
        with engine.database.write() as connection:
            settings.put(connection, EXPORT_ERROR, said)
    return not said


def signer_of(engine: Engine) -> signing.Signer:
    """The office's signer. The first time, its name and key are made; each public half is an office fact, and a line of its own in
    the public file: what was signed under an earlier one can be checked for ever."""
    public_file = engine.data_folder / signing.PUBLIC_FILE
    with engine.read() as connection:
        origin = settings.get(connection, [ORIGIN]).get(ORIGIN, "")
    if origin:
        signer = signing.Ed25519(origin, signing.kept_key(engine.data_folder))
        if signer.public in _lines(public_file):
            return signer
    with engine.desk(ENGINE) as desk:
        origin = settings.get(desk.connection, [ORIGIN]).get(ORIGIN, "")
        if not origin:
            origin = f"duban.local/{secrets.token_hex(4)}"
            settings.put(desk.connection, ORIGIN, origin)
        signer = signing.Ed25519(origin, signing.kept_key(engine.data_folder))
        if signer.public not in _lines(public_file):
            remember(engine.data_folder, [signer.public])
            desk.note("CheckpointKeyMade", origin, {"title": origin, "key": signer.public})
    return signer


def remember(data_folder: Path, publics: list[str]) -> None:
    """Add public keys to those that checkpoints are checked with."""
    file = data_folder / signing.PUBLIC_FILE
    _write(file, "".join(f"{one}\n" for one in dict.fromkeys([*_lines(file), *publics])))


def _lines(file: Path) -> list[str]:
    return file.read_text(encoding="utf-8").split() if file.exists() else []


def forget_the_tree(connection: sa.Connection) -> None:
    """From here on the tree bears another name: its past was exchanged by a restore."""
    for key in (ORIGIN, SWEPT, EXPORT_ERROR):
        connection.execute(sa.delete(settings_table).where(settings_table.c.key == key))


# -- the second place --------------------------------------------------------------------------------------


def export(engine: Engine, folder: Path) -> Path:
    """Put the public key, the newest checkpoint and the leaves that are not there yet into the tree's folder in this one; gives
    the checkpoint's file. Raises `InputInvalid` when there is no checkpoint yet, `OSError`."""
    with engine.read() as connection:
        newest = checkpoint.latest(connection)
        if newest is None:
            raise InputInvalid("还没有检查点。先执行 duban audit checkpoint --now，或等后台任务生成。")
        folder = folder / newest.origin.replace("/", "-")
        pieces = folder / "leaves"
        pieces.mkdir(parents=True, exist_ok=True)
        there = max((int(p.stem.split("-")[1]) for p in pieces.glob("*-*.txt")), default=0)
        if newest.size > there:
            query = sa.select(leaves).where(leaves.c.position >= there, leaves.c.position < newest.size)
            rows = connection.execute(
                query.order_by(leaves.c.position), execution_options={"yield_per": 5000}
            )
            lines = (f"{r.position} {r.seq} {r.head.hex()} {r.case}\n" for r in rows)
            _write_lines(pieces / f"{there:012d}-{newest.size:012d}.txt", lines)
    _write(folder / signing.PUBLIC_FILE, (engine.data_folder / signing.PUBLIC_FILE).read_text())
    stamp = "".join(c for c in newest.at[:19] if c.isalnum())
    file = folder / f"checkpoint-{newest.size:012d}-{stamp}.txt"
    _write(file, newest.note)
    return file


def exported_leaves(folder: Path) -> Iterator[tuple[int, str, int, bytes]]:
    """The leaves beside an exported checkpoint, in order: (position, case, seq, head). Pieces of two processes may overlap: each
    position comes once. Raises `InputInvalid` for a piece that is not as it was written."""
    wanted = 0
    for piece in sorted((folder / "leaves").glob("*-*.txt")):
        with piece.open(encoding="utf-8") as lines:
            for line in lines:
                try:
                    position, seq, head, case = line.rstrip("\n").split(" ", 3)
                    leaf = int(position), case, int(seq), bytes.fromhex(head)
                except ValueError:
                    raise InputInvalid(f"存证序列文件 {piece} 有一行读不出来，文件可能损坏。") from None
                if leaf[0] == wanted:
                    wanted += 1
                    yield leaf


def _write(file: Path, text: str) -> None:
    if not file.exists() or file.read_text(encoding="utf-8") != text:
        _write_lines(file, [text])


def _write_lines(file: Path, lines: Iterator[str] | list[str]) -> None:
    """Whole or not at all."""
    draft = file.with_name(f".{file.name}.{secrets.token_hex(4)}")
    try:
        with draft.open("w", encoding="utf-8", newline="\n") as out:
            out.writelines(lines)
            out.flush()
            os.fsync(out.fileno())
        draft.rename(file)
    finally:
        with contextlib.suppress(FileNotFoundError):
            draft.unlink()
