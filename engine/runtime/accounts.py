"""Accounts 账号: passwords (argon2id), sign-in with a lock after failures, personal tokens for the API.

A wrong account, a wrong password, a locked account and a retired person get the same answer after the same work.
Numbers of failures and minutes of the lock are settings of the office.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from engine.commands import Actor
from engine.directory import Directory, Person
from engine.errors import InputInvalid, NotFound
from engine.runtime.engine import Engine
from engine.runtime.present import DIRECTORY_VERSION
from engine.store import settings
from engine.store.raw import Query
from engine.store.tables import ended_sessions, people, tokens
from engine.store.tables import settings as settings_

FAILURES = ("signin_failures", 5)
"""Setting and default: wrong passwords in a row after which the account is locked."""

LOCK_MINUTES = ("signin_lock_minutes", 15)
"""Setting and default: how long it is locked."""

SHORTEST = ("password_length", 12)
"""Setting and default: characters a password must have."""

LONGEST = 256

TOKEN_PREFIX = "duban_"

_hasher = PasswordHasher()  # argon2id with the library's recommended cost
_NOBODY = "$argon2id$v=19$m=65536,t=3,p=4$BJJEiCbXK16IXB86ZQdVYw$ZvcXG9hUUeF/3RBGcAMKwaEPpqaJgI05gdJSLiOeCUY"
"""Verified for unknown accounts, so that they take as long: a digest, at the same cost, of a secret that was thrown away. Made
once and for all, because making it costs each process a fifth of a second at its start."""


@dataclass(frozen=True, slots=True)
class Account:
    """Who is signed in. Sessions carry `epoch`; when it has been raised, they are over. `directory` is of the moment in which
    the account was read."""

    person: Person
    epoch: int
    directory: Directory = field(repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class Token:
    """A personal token as it is listed; its secret is known to its owner only."""

    id: str
    name: str
    person: str


def set_password(engine: Engine, person: str, password: str, actor: Actor) -> None:
    """Set a person's password, unlock the account and end all its sessions. Raises `InputInvalid`, `NotFound`."""
    with engine.read() as connection:
        shortest = _number(connection, SHORTEST)
    check_password(password, shortest)
    digest = _hasher.hash(password)
    with engine.desk(actor) as desk:
        changed = desk.connection.execute(
            sa.update(people)
            .where(people.c.id == person)
            .values(password=digest, failures=0, locked_until=None, epoch=people.c.epoch + 1)
        )
        if changed.rowcount == 0:
            raise NotFound("没有这个人员。")
        desk.note("PasswordSet", person, {})


def check_password(password: str, shortest: int = SHORTEST[1]) -> None:
    """Refuse a password that is too short or of fewer than three kinds of characters."""
    kinds = (
        any(c.islower() for c in password),
        any(c.isupper() for c in password),
        any(c.isdigit() for c in password),
        any(not c.isalnum() for c in password),
    )
    if not shortest <= len(password) <= LONGEST or sum(kinds) < 3:
        raise InputInvalid(
            f"密码须为 {shortest} 到 {LONGEST} 位，并含小写字母、大写字母、数字、符号中的至少三种。",
            field="password",
        )


def sign_in(engine: Engine, account: str, password: str) -> Account | None:
    """The account, if the password is right and it is neither locked nor retired; else None."""
    with engine.read() as connection:
        row = connection.execute(sa.select(people).where(people.c.account == account)).first()
        now = engine.moment_in(connection).now
    right = _verify(row.password if row is not None and row.password else _NOBODY, password)
    if row is None or not row.password:
        return None
    with engine.database.write() as connection:
        # Look again: several guesses may have been under way at once.
        row = connection.execute(sa.select(people).where(people.c.id == row.id)).one()
        if not row.active or (row.locked_until is not None and row.locked_until > now):
            return None
        if right:
            if row.failures or row.locked_until is not None:
                connection.execute(
                    sa.update(people).where(people.c.id == row.id).values(failures=0, locked_until=None)
                )
            return _account(row, engine.directory())
        failures = row.failures + 1
        locked = failures >= _number(connection, FAILURES)
        until = now + timedelta(minutes=_number(connection, LOCK_MINUTES)) if locked else None
        connection.execute(
            sa.update(people)
            .where(people.c.id == row.id)
            .values(failures=0 if locked else failures, locked_until=until)
        )
    if locked:
        with engine.desk(Actor(name="系统")) as desk:
            desk.note("SignInLocked", row.id, {"title": row.name, "until": until})
    return None


def account_of(engine: Engine, person: str, epoch: int | None = None, *, session: str = "") -> Account | None:
    """The account of an active person; None when retired, when the session's `epoch` is over or it was signed out."""
    row = engine.database.first(_by_id, b_id=person, b_session=session)
    if row is None or not row.active or row.signed_out or (epoch is not None and epoch != row.epoch):
        return None
    return _account(row, engine.directory_of(row.directory_version))


def end_session(engine: Engine, session: str, now: datetime, until: datetime) -> None:
    """A session is over in all processes, though its cookie may come back; kept until it would have died anyway."""
    with engine.database.write() as connection:
        connection.execute(sa.delete(ended_sessions).where(ended_sessions.c.until < now))
        known = sa.select(ended_sessions.c.id).where(ended_sessions.c.id == session)
        if connection.execute(known).first() is None:
            connection.execute(sa.insert(ended_sessions), [{"id": session, "until": until}])


_columns = (
    people.c.id,
    people.c.account,
    people.c.name,
    people.c.phone,
    people.c.active,
    people.c.title,
    people.c.epoch,
    sa.select(settings_.c.value)
    .where(settings_.c.key == DIRECTORY_VERSION)
    .scalar_subquery()
    .label("directory_version"),
)
_by_id = Query(
    sa.select(
        *_columns,
        sa.exists().where(ended_sessions.c.id == sa.bindparam("b_session")).label("signed_out"),
    ).where(people.c.id == sa.bindparam("b_id"))
)
_by_token = Query(
    sa.select(*_columns, tokens.c.digest)
    .join_from(tokens, people, people.c.id == tokens.c.person)
    .where(tokens.c.digest == sa.bindparam("b_digest"), tokens.c.revoked_at.is_(None))
)


def _account(row: Any, directory: Directory) -> Account:
    person = Person(row.id, row.account, row.name, row.phone, row.active, row.title)
    return Account(person, row.epoch, directory)


# -- tokens ------------------------------------------------------------------------------------------------


def make_token(engine: Engine, person: str, name: str, actor: Actor) -> tuple[Token, str]:
    """Make a personal token. The secret is returned this once and kept nowhere. Raises `NotFound`, `InputInvalid`."""
    if not name.strip() or len(name) > 100:
        raise InputInvalid("请填写令牌的用途（100 字以内）。", field="name")
    secret = TOKEN_PREFIX + secrets.token_urlsafe(32)
    token = Token(secrets.token_hex(8), name.strip(), person)
    with engine.desk(actor) as desk:
        if desk.connection.execute(sa.select(people.c.id).where(people.c.id == person)).first() is None:
            raise NotFound("没有这个人员。")
        desk.connection.execute(
            sa.insert(tokens),
            [
                {
                    "id": token.id,
                    "person": person,
                    "name": token.name,
                    "digest": _digest(secret),
                    "made_at": desk.now,
                }
            ],
        )
        desk.note("TokenMade", token.id, {"title": token.name, "person": person})
    return token, secret


def revoke_token(engine: Engine, token: str, actor: Actor) -> None:
    """Take a token back. Raises `NotFound` when there is none or it was taken back."""
    with engine.desk(actor) as desk:
        gone = desk.connection.execute(
            sa.update(tokens)
            .where(tokens.c.id == token, tokens.c.revoked_at.is_(None))
            .values(revoked_at=desk.now)
        )
        if gone.rowcount == 0:
            raise NotFound("没有这个令牌，或已经收回。")
        desk.note("TokenRevoked", token, {})


def token_account(engine: Engine, secret: str) -> Account | None:
    """The account a token's secret belongs to; None when it is unknown, revoked, or the person retired."""
    if not secret.startswith(TOKEN_PREFIX):
        return None
    digest = _digest(secret)
    row = engine.database.first(_by_token, b_digest=digest)
    if row is None or not row.active or not hmac.compare_digest(row.digest, digest):
        return None
    return _account(row, engine.directory_of(row.directory_version))


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def _verify(digest: str, password: str) -> bool:
    try:
        return _hasher.verify(digest, password[: LONGEST + 1])
    except (VerificationError, InvalidHashError):
        return False


def _number(connection: sa.Connection, setting: tuple[str, int]) -> int:
    key, default = setting
    return int(settings.get(connection, [key]).get(key, default))
