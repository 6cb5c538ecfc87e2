"""Who one is 身份: sign in and out, choose a post, personal tokens, password."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from engine.errors import NotFound
from engine.runtime import accounts
from engine.store import tables as t
from web import identity
from web.api import Room, schemas
from web.context import the_engine, who
from web.identity import SignInFailed, Who, may

room = Room("api_session", __name__, url_prefix="", description="会话与本人")


def _me(found: Who) -> dict[str, Any]:
    return {
        "person": found.person,
        "name": found.name,
        "account": found.account,
        "posts": [{"post": f"{r}@{u}", "role": r, "unit": u} for r, u in found.posts],
        "post": f"{found.role}@{found.unit}" if found.role else "",
        "may": sorted(found.levels - {"anyone"}),
    }


@room.route("/session", methods=["POST"])
@room.arguments(schemas.SignIn)
@room.response(201)
@may("anyone")
def sign_in(body: dict[str, Any]) -> dict[str, Any]:
    """登录，返回本人信息和 X-CSRF-Token。"""
    identity.count_attempt()
    found = (
        identity.begin_demo_session(body["account"])
        if body["demo"]
        else identity.begin_session(body["account"], body["password"])
    )
    return _me(found) | {"csrf_token": identity.csrf_token()}


@room.route("/session", methods=["DELETE"])
@room.response(204)
@may("signed_in")
def sign_out() -> None:
    """退出。"""
    identity.end_session()


@room.route("/me", methods=["GET"])
@room.response(200)
@may("signed_in")
def me() -> dict[str, Any]:
    """本人、岗位和权限；用会话登录的，还有本会话的 X-CSRF-Token。"""
    found = _me(who())
    return found | {"csrf_token": identity.csrf_token()} if who().by == "session" else found


@room.route("/me/post", methods=["PUT"])
@room.arguments(schemas.PostChoice)
@room.response(200)
@may("signed_in")
def choose_post(body: dict[str, Any]) -> dict[str, Any]:
    """切换当前岗位（仅对会话有效）。"""
    identity.choose_post(body["post"])
    return _me(who()) | {"post": body["post"]}


@room.route("/me/password", methods=["PUT"])
@room.arguments(schemas.PasswordChange)
@room.response(204)
@may("signed_in")
def change_password(body: dict[str, Any]) -> None:
    """修改密码；所有会话随即失效，请重新登录。"""
    found = who()
    if accounts.sign_in(the_engine(), found.account, body["old"]) is None:
        raise SignInFailed("原密码不正确。")
    accounts.set_password(the_engine(), found.person, body["new"], found.actor)


@room.route("/me/tokens", methods=["GET"])
@room.response(200)
@may("signed_in")
def tokens() -> dict[str, Any]:
    """本人的令牌（不含密文）。"""
    statement = sa.select(t.tokens.c.id, t.tokens.c.name, t.tokens.c.made_at, t.tokens.c.revoked_at)
    with the_engine().read() as c:
        rows = c.execute(
            statement.where(t.tokens.c.person == who().person).order_by(t.tokens.c.made_at.desc())
        )
        return {"items": [dict(r._mapping) for r in rows]}


@room.route("/me/tokens", methods=["POST"])
@room.arguments(schemas.TokenName)
@room.response(201)
@may("signed_in")
def make_token(body: dict[str, Any]) -> dict[str, Any]:
    """生成令牌；密文只显示这一次。"""
    token, secret = accounts.make_token(the_engine(), who().person, body["name"], who().actor)
    return {"id": token.id, "name": token.name, "secret": secret}


@room.route("/me/tokens/<string:token>", methods=["DELETE"])
@room.response(204)
@may("signed_in")
def revoke_token(token: str) -> None:
    """收回自己的令牌。"""
    with the_engine().read() as c:
        owner = c.execute(sa.select(t.tokens.c.person).where(t.tokens.c.id == token)).scalar()
    if owner != who().person:
        raise NotFound("没有这个令牌，或已经收回。")
    accounts.revoke_token(the_engine(), token, who().actor)
