"""Who is asking 身份: sign-in, sessions, posts, personal tokens, and the declaration of who may use a route.

A session is a signed cookie that the server judges anew on each request: the person must be active, the person's
epoch must be the one signed in under (a new password or a disabled account ends every session), it must not have
been idle for longer than `idle`, nor be older than `absolute`. Session times are the host's, not the demo clock's.

Every route says who may with `@may(...)`; one that says nothing is refused, and a test walks the url map.
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any, TypeVar
from urllib.parse import urlsplit

from flask import (
    Blueprint,
    Flask,
    Response,
    current_app,
    flash,
    g,
    redirect,
    render_template,
    request,
    session,
    url_for,
)
from flask.sessions import SecureCookieSessionInterface

from engine.commands import Actor
from engine.directory import AUDITOR, OFFICE, Directory
from engine.errors import EngineError, NotAllowed
from engine.runtime import accounts
from engine.runtime.host_clock import SystemClock
from web.context import demo_mode, the_engine
from web.errors import NotSignedIn, TooMany
from web.throttle import Throttle


class SignInFailed(EngineError):
    """账号或密码不正确，或者账号已锁定、停用。连续输错后请等十五分钟再试，仍不行请联系安委办管理员。"""

    code = "sign_in_failed"


LEVELS = ("anyone", "signed_in", "office", "publisher", "auditor")
"""Who may: anyone at all; any person; 安委办 members; who may publish a process; who may read the audit trail."""

CHANGES = frozenset({"POST", "PUT", "PATCH", "DELETE"})
IDLE = timedelta(minutes=15)
ABSOLUTE = timedelta(hours=8)
SIGN_INS, SIGN_IN_SECONDS = 30, 60
"""So many attempts at signing in from one address in so many seconds [P]."""

blueprint = Blueprint("identity", __name__)
host_clock = SystemClock()

View = TypeVar("View", bound=Callable[..., Any])


def may(*levels: str) -> Callable[[View], View]:
    """Declares who may use a view: any of `levels`."""
    unknown = set(levels) - set(LEVELS)
    if unknown or not levels:
        raise ValueError(f"unknown level {unknown}")

    def mark(view: View) -> View:
        view.may = levels  # type: ignore[attr-defined]
        return view

    return mark


@dataclass(frozen=True)
class Who:
    """The person of this request, in the post the person acts in."""

    person: str
    name: str
    account: str
    posts: tuple[
        tuple[str, str], ...
    ]  # (role, unit), one's own first, then those in which one stands in today
    post: tuple[str, str]  # the chosen one; ("", "") without any
    levels: frozenset[str]
    by: str  # "session" | "token"
    own_posts: tuple[tuple[str, str], ...] = ()
    standing: tuple[tuple[str, str, str], ...] = ()  # (for whom, role, unit)

    @property
    def role(self) -> str:
        return self.post[0]

    @property
    def unit(self) -> str:
        return self.post[1]

    @cached_property
    def actor(self) -> Actor:
        """As the engine knows an asker."""
        return Actor(self.person, self.name, self.unit, self.role, tuple(f"{r}@{u}" for r, u in self.posts))

    def acting(self, role: str, unit: str) -> Actor:
        """As `actor`, in the post of a work item where the person holds it."""
        if (role, unit) in self.posts:
            return replace(self.actor, role=role, unit=unit)
        return self.actor

    def stands_for(self, role: str, unit: str) -> str:
        """Id of whom the person acts for in a post that is not one's own; "" in one's own."""
        if (role, unit) in self.own_posts:
            return ""
        return next((p for p, r, u in self.standing if (r, u) == (role, unit)), "")

    @property
    def units(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(unit for _, unit in self.posts))

    @property
    def roles(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(role for role, _ in self.posts))

    def is_a(self, level: str) -> bool:
        return level in self.levels


def levels_of(posts: tuple[tuple[str, str], ...], directory: Directory) -> frozenset[str]:
    """What a person's own posts open: the office publishes and administers; auditors (and the office) read the trail. To stand
    in for somebody opens none of this."""
    kinds = {directory.units[unit].kind for _, unit in posts if unit in directory.units}
    found = {"anyone", "signed_in"}
    if OFFICE in kinds:
        found |= {"office", "publisher", "auditor"}
    if AUDITOR in kinds:
        found.add("auditor")
    return frozenset(found)


# -- each request --------------------------------------------------------------------------------------


def _who_by_token(secret: str) -> Who:
    account = accounts.token_account(the_engine(), secret)
    if account is None:
        raise NotSignedIn("令牌无效或已收回，请重新生成。")
    return _who(account, "", "token")


def _who(account: accounts.Account, chosen: str, by: str) -> Who:
    person = account.person.id
    directory = g.directory = account.directory
    found = directory.people.get(person)
    if found is None or not found.active:
        raise NotSignedIn("这个账号已停用，请联系安委办管理员。")
    posts, own = tuple(directory.posts_of(person)), tuple(directory.own_posts(person))
    post = next((p for p in posts if f"{p[0]}@{p[1]}" == chosen), posts[0] if posts else ("", ""))
    standing = tuple(directory.standing_in(person))
    return Who(person, found.name, found.account, posts, post, levels_of(own, directory), by, own, standing)


def _who_by_session() -> Who | None:
    person = session.get("person")
    if not person:
        return None
    now = _now()
    idle = current_app.config["SESSION_IDLE"].total_seconds()
    absolute = current_app.config["SESSION_ABSOLUTE"].total_seconds()
    stale = now - session.get("seen", 0) > idle or now - session.get("started", 0) > absolute
    account = None
    if not stale:
        account = accounts.account_of(
            the_engine(), person, session.get("epoch", -1), session=session.get("sid", "")
        )
    if account is None:
        session.clear()
        return None
    try:
        found = _who(account, session.get("post", ""), "session")
    except NotSignedIn:
        session.clear()
        return None
    if now - session["seen"] > min(30.0, idle / 4):
        session["seen"] = now
    return found


def _now() -> int:
    """Whole seconds of the host's clock (tests put another one under `SESSION_CLOCK`)."""
    clock = current_app.config.get("SESSION_CLOCK") or host_clock
    return int(clock.now().timestamp())


def _judge() -> None:
    """Before every request: who asks, may they, and is a change really theirs (CSRF)."""
    if request.endpoint is None:
        return  # no such address: 404 follows
    view = current_app.view_functions[request.endpoint]
    levels = getattr(view, "may", ())
    g.who = g.directory = None
    header = request.headers.get("Authorization", "")
    if "anyone" in levels and not header and not session:
        return
    if header:
        kind, _, secret = header.partition(" ")
        if kind.lower() != "bearer" or not secret.strip():
            raise NotSignedIn("认证方式无效，请使用 Authorization: Bearer 令牌。")
        if not request.path.startswith("/api/"):
            raise NotSignedIn("令牌只能用于接口 /api/v1。")
        g.who = _who_by_token(secret.strip())
    else:
        g.who = _who_by_session()
    if "anyone" in levels:
        return
    if g.who is None:
        raise NotSignedIn
    if not any(g.who.is_a(level) for level in levels):
        raise NotAllowed("您的岗位没有这项功能的权限。如有需要，请联系安委办管理员。")
    if request.method in CHANGES and g.who.by == "session":
        check_csrf()


def check_csrf() -> None:
    """The token of the session must come back in the header or, from plain forms, in the field `csrf_token`."""
    given = request.headers.get("X-CSRF-Token") or ""
    if not given and request.mimetype in ("application/x-www-form-urlencoded", "multipart/form-data"):
        given = request.form.get("csrf_token", "")
    known = session.get("csrf", "")
    if not known or not hmac.compare_digest(given.encode(), known.encode()):
        raise NotAllowed("页面已过期，请刷新后再提交（缺少或不符的 CSRF 校验）。")


def csrf_token() -> str:
    """This browser's token, made on first use; the layout puts it into `<meta name="csrf-token">`."""
    if "csrf" not in session:
        session["csrf"] = secrets.token_urlsafe(24)
    token: str = session["csrf"]
    return token


# -- signing in and out --------------------------------------------------------------------------------


def count_attempt() -> None:
    """Before anything else of a sign-in, by form or API. Raises `TooMany` where too many came from the same address."""
    throttle: Throttle = current_app.extensions["duban.sign_ins"]
    throttle.attempt(request.remote_addr or "")


def begin_session(account: str, password: str) -> Who:
    """Check account and password (counting failures), and open a session under new ids."""
    found = accounts.sign_in(the_engine(), account, password)
    if found is None:
        raise SignInFailed
    return _open(found)


def begin_demo_session(account: str) -> Who:
    """Demo mode only: sign in as one of the demo accounts without a password."""
    if not demo_mode():
        raise NotAllowed("只有演示环境可以免密登录。")
    directory = the_engine().directory()
    found = next((p for p in directory.people.values() if p.account == account and p.active), None)
    if found is None:
        raise NotSignedIn("没有这个演示账号。")
    account_ = accounts.account_of(the_engine(), found.id)
    if account_ is None:
        raise NotSignedIn("这个演示账号已停用。")
    return _open(account_)


def _open(account: accounts.Account) -> Who:
    now = _now()
    session.clear()
    session.permanent = False
    session.update(
        person=account.person.id,
        epoch=account.epoch,
        started=now,
        seen=now,
        sid=secrets.token_urlsafe(12),
        csrf=secrets.token_urlsafe(24),
    )
    g.who = _who(account, "", "session")
    session["post"] = "@".join(g.who.post)
    found: Who = g.who
    return found


def end_session() -> None:
    """Sign out: the cookie is emptied and its id is dead in every process."""
    if session.get("sid"):
        absolute = current_app.config["SESSION_ABSOLUTE"]
        now = datetime.fromtimestamp(_now(), UTC)
        accounts.end_session(the_engine(), session["sid"], now, now + absolute)
    session.clear()
    g.who = None


def choose_post(text: str) -> None:
    """Act in another of one's posts (`ROLE@UNIT`) from now on."""
    found: Who = g.who
    if text not in found.actor.posts:
        raise NotAllowed("您没有这个岗位。")
    session["post"] = text


def _back() -> str:
    """Where to go after signing in: only an address of our own."""
    target = request.values.get("next", "")
    odd = not target.isprintable() or "\\" in target
    if odd or not target.startswith("/") or target.startswith("//") or urlsplit(target).netloc:
        return "/"
    return target


@blueprint.get("/sign-in")
@may("anyone")
def sign_in() -> str | Response:
    """登录。"""
    if g.who is not None:
        return redirect(_back())  # type: ignore[return-value]
    return _sign_in_page()


def _sign_in_page(problem: str = "", account: str = "") -> str:
    demo = demo_accounts() if demo_mode() else []
    return render_template("sign_in.html", problem=problem, account=account, next=_back(), demo=demo)


def demo_accounts() -> list[dict[str, Any]]:
    """The demo accounts by unit, each with what it can do."""
    directory = the_engine().directory()
    groups: dict[str, dict[str, Any]] = {}
    for person in directory.people.values():
        posts = directory.posts_of(person.id)
        if not person.active or not posts:
            continue
        role, unit = posts[0]
        group = groups.setdefault(unit, {"unit": unit, "kind": directory.units[unit].kind, "people": []})
        group["people"].append(
            {"account": person.account, "name": person.name, "title": person.title, "role": role}
        )
    return list(groups.values())


@blueprint.post("/sign-in")
@may("anyone")
def do_sign_in() -> str | Response | tuple[str, int]:
    """登录（表单）。"""
    count_attempt()
    check_csrf()
    account = request.form.get("account", "")[:100]
    try:
        if request.form.get("demo") == "1":
            begin_demo_session(account)
        else:
            begin_session(account, request.form.get("password", "")[:200])
    except TooMany:
        raise
    except EngineError as error:
        return _sign_in_page(error.message, account), 401
    return redirect(_back())  # type: ignore[return-value]


@blueprint.post("/sign-out")
@may("signed_in")
def sign_out() -> Response:
    """退出。"""
    end_session()
    flash("您已退出登录。")
    return redirect(url_for("identity.sign_in"))  # type: ignore[return-value]


@blueprint.post("/act-as")
@may("signed_in")
def act_as() -> Response:
    """切换岗位。"""
    choose_post(request.form.get("post", ""))
    return redirect(_back())  # type: ignore[return-value]


class _Sessions(SecureCookieSessionInterface):
    """Flask's signed cookie; `Secure` whenever the request came by https."""

    def get_cookie_secure(self, app: Flask) -> bool:
        return request.is_secure


def install(app: Flask, secret: str, redis: str = "") -> None:
    """Put identity before every route of `app`. With `redis` all processes count sign-ins together; while it is away each counts
    for itself."""
    app.secret_key = secret
    app.session_interface = _Sessions()
    app.config.update(
        SESSION_COOKIE_NAME="duban",
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        SESSION_REFRESH_EACH_REQUEST=False,
    )
    app.config.setdefault("SESSION_IDLE", IDLE)
    app.config.setdefault("SESSION_ABSOLUTE", ABSOLUTE)
    app.extensions["duban.sign_ins"] = Throttle("sign-in", SIGN_INS, SIGN_IN_SECONDS, redis)
    app.before_request(_judge)
    app.register_blueprint(blueprint)
