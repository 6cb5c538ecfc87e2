"""The web application 网站: one Flask app over one engine, made by `create_app`.

Everything outside comes in through the wall (`security`), is identified (`identity`), and meets one of the rooms:
pages are GET and change nothing about cases; the API holds every write.
"""

from __future__ import annotations

import secrets
from typing import Any

from flask import Flask, Response, g, redirect, url_for
from werkzeug.middleware.proxy_fix import ProxyFix

from engine.runtime.engine import Engine
from engine.runtime.settings import Settings
from web import assets, errors, gate, health, identity, logs, present, security
from web.context import demo_mode, the_packages
from web.identity import may
from web.offline import views as offline

NAVIGATION = (
    ("worklist.index", "我的待办", "checklist", "signed_in"),
    ("register.index", "隐患台账", "table", "signed_in"),
    ("monitor.index", "监控", "activity", "signed_in"),
    ("modeler.index", "流程", "sitemap", "signed_in"),
    ("audit.index", "审计", "shield-check", "auditor"),
    ("admin.units", "管理", "settings", "office"),
)
"""What the left side offers: endpoint, title, icon, who may."""


def create_app(engine: Engine, settings: Settings) -> Flask:
    """The application over `engine`. Opens no database and starts no worker of its own."""
    app = Flask("web", static_folder=None, template_folder="templates")
    app.extensions["duban.engine"] = engine
    app.extensions["duban.settings"] = settings
    app.json.ensure_ascii = False  # type: ignore[attr-defined]
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    if (
        settings.proxies
    ):  # each of them has put its own word last; what stands before those was said by anybody
        n = settings.proxies
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=n, x_proto=n, x_host=n)  # type: ignore[method-assign]
    logs.install(app)
    gate.install(app, settings)
    security.install(app)
    identity.install(app, settings.secret or secrets.token_urlsafe(48), settings.redis)
    errors.install(app)
    present.install(app)
    app.context_processor(_layout)
    app.register_blueprint(assets.blueprint)
    app.register_blueprint(health.blueprint)
    app.add_url_rule("/", "home", _home)
    offline.install(app)
    _rooms(app)
    return app


def _rooms(app: Flask) -> None:
    from web import api
    from web.admin import views as admin
    from web.audit import views as audit
    from web.case import views as case
    from web.modeler import views as modeler
    from web.monitor import views as monitor
    from web.register import views as register
    from web.worklist import views as worklist

    for room in (worklist, case, register, modeler, monitor, audit, admin):
        app.register_blueprint(room.blueprint)
    api.install(app)
    errors.install(app)  # flask-smorest brings handlers of its own; ours stay the only ones


@may("signed_in")
def _home() -> Response:
    """The first page: what there is to do."""
    return redirect(url_for("worklist.index"))  # type: ignore[return-value]


def _layout() -> dict[str, Any]:
    """What every page's frame shows."""
    found = g.get("who")
    navigation = [n for n in NAVIGATION if found is not None and found.is_a(n[3])]
    return {
        "who": found,
        "navigation": navigation,
        "csrf_token": identity.csrf_token,
        "asset_tags": assets.asset_tags,
        "built": assets.built,
        "demo": demo_mode(),
        "present_now": present.now,
        "role_title": role_title,
    }


def role_title(role: str) -> str:
    """A role's title from the newest packages; the key itself where none names it."""
    for package in the_packages():
        if role in package.roles:
            return package.roles[role].title
    return role
