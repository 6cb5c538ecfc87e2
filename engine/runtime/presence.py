"""Who works on a database 在用: every process that serves people or works behind them says so, and a restore looks first.

PostgreSQL knows it by the name that each connection bears (`application_name`), on whichever host. Beside an SQLite file lies a
folder with a file for each process, locked as long as the process lives, however it ends.

What it does not see: a process that has no connection at that moment (PostgreSQL was restarted and nobody has asked since), and
programs other than ours.
"""

from __future__ import annotations

import fcntl
import os
import secrets
import socket
from pathlib import Path

import sqlalchemy as sa

from engine.store.database import Database

MARK = "duban "
"""What the names of our connections begin with."""

LONGEST = 63
"""Bytes of a name that PostgreSQL keeps."""

_held: dict[Path, int] = {}  # files that are locked until this process ends


def begin(url: str, what: str) -> str:
    """Say that this process works on the database of `url` as `what` (web, worker …), until it ends. Gives the URL to open."""
    name = f"{MARK}{what} {os.getpid()}@{socket.gethostname()}"
    parsed = sa.make_url(url)
    if parsed.get_backend_name() != "sqlite":
        short = name.encode()[:LONGEST].decode(errors="ignore")
        return parsed.update_query_dict({"application_name": short}).render_as_string(hide_password=False)
    folder = _folder(parsed.database or "")
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    while True:
        path = folder / secrets.token_hex(8)
        file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
        fcntl.flock(file, fcntl.LOCK_EX)
        if path.exists():
            break
        os.close(file)  # somebody took it for a dead one's between the two
    os.write(file, name.encode())
    _held[path] = file
    return url


def others(database: Database) -> list[str]:
    """The names of the other processes that work on this database: what each is, its id, its host."""
    if database.is_sqlite:
        return _locked(_folder(database.engine.url.database or ""))
    with database.glance() as connection:
        names = connection.execute(_QUERY, {"like": f"{MARK}%"}).scalars().all()
    own = f" {os.getpid()}@{socket.gethostname()}"
    return sorted({name.removeprefix(MARK) for name in names if not name.endswith(own)})


_QUERY = sa.text(
    "SELECT application_name FROM pg_stat_activity WHERE datname = current_database() AND application_name LIKE :like"
)


def _folder(database: str) -> Path:
    return Path(f"{database}-in-use")


def _locked(folder: Path) -> list[str]:
    """The names in the files that somebody else has locked; what the dead have left is removed."""
    found = []
    for path in sorted(folder.glob("*")):
        if path in _held:
            continue
        file = os.open(path, os.O_RDWR)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            path.unlink()
        except BlockingIOError:
            found.append(os.read(file, 200).decode(errors="replace").removeprefix(MARK))
        finally:
            os.close(file)
    return found
