"""On the phone and without a network 离线: the installable product's manifest and icons, the service worker, its two pages.

The worker (`web/frontend/src/offline/worker.js`) keeps pages of the person they were made for. Which person that is every page
says in `X-Duban-Person`; a page of nobody says so too, and the worker then throws away what it has.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import orjson
from flask import Blueprint, Flask, Response, abort, current_app, g, render_template, send_from_directory

from web import assets
from web.identity import may

blueprint = Blueprint("offline", __name__, template_folder="templates")

ICONS = Path(__file__).parent / "icons"
_CARRIED = ("src/app.js", "src/form/island.js", "src/diagram/island.js", "src/offline/list.js")
"""Entries of the build a person may need without a network; the modeler is not among them."""

MANIFEST = {
    "id": "/",
    "name": "安全生产隐患督办",
    "short_name": "督办",
    "description": "隐患登记、待办、办理、复查：电脑和手机上一样办，没有网络也能填。",
    "lang": "zh-CN",
    "dir": "ltr",
    "start_url": "/worklist",
    "scope": "/",
    "display": "standalone",
    "background_color": "#ffffff",
    "theme_color": "#15304f",
    "icons": [
        {"src": "/icons/192.png", "sizes": "192x192", "type": "image/png", "purpose": "any"},
        {"src": "/icons/512.png", "sizes": "512x512", "type": "image/png", "purpose": "any"},
        {"src": "/icons/maskable.png", "sizes": "512x512", "type": "image/png", "purpose": "maskable"},
    ],
    "shortcuts": [
        {"name": "我的待办", "url": "/worklist"},
        {"name": "登记隐患", "url": "/register/new"},
        {"name": "待发送", "url": "/pending"},
    ],
}
"""The web app manifest."""


@blueprint.get("/manifest.webmanifest")
@may("anyone")
def manifest() -> Response:
    """What a phone needs to put the product among its apps."""
    return Response(orjson.dumps(MANIFEST), content_type="application/manifest+json", headers=_DAY)


@blueprint.get("/icons/<string:name>.png")
@may("anyone")
def icon(name: str) -> Response:
    """An icon, drawn from `icons/mark.svg` and `icons/maskable.svg`."""
    answer = send_from_directory(ICONS, f"{name}.png")
    answer.headers.update(_DAY)
    return answer


@blueprint.get("/sw.js")
@may("anyone")
def worker() -> Response:
    """The service worker of this build. Asked for again at every visit: a new build is a new worker."""
    try:
        code = (assets.DIST / "worker.js").read_bytes()
    except OSError:
        abort(404)
    shell = [f"/assets/{name}" for name in assets.files_of(_CARRIED)]
    shell += ["/favicon.svg", "/manifest.webmanifest", "/icons/192.png", "/offline"]
    longest = current_app.config["SESSION_ABSOLUTE"].total_seconds() * 1000
    build = {"shell": shell, "longest": longest}
    version = hashlib.sha256(code + orjson.dumps(build)).hexdigest()[:12]
    head = b"self.BUILD = " + orjson.dumps(build | {"version": version}) + b";\n"
    return Response(
        head + code,
        content_type="text/javascript; charset=utf-8",
        headers={"Cache-Control": "no-cache", "Service-Worker-Allowed": "/"},
    )


@blueprint.get("/offline")
@may("anyone")
def offline() -> str:
    """没有网络，也没有存下的页面。Kept by the worker for everybody: it says nothing of anybody."""
    g.who = None
    return render_template("offline/offline.html")


@blueprint.get("/pending")
@may("signed_in")
def pending() -> str:
    """待发送：在本机填好、还没有送达的。"""
    return render_template("offline/pending.html")


def _whose(response: Response) -> Response:
    """Says of each page whose it is, for the worker that may keep it."""
    if response.mimetype == "text/html":
        found = g.get("who")
        response.headers["X-Duban-Person"] = found.person if found is not None else ""
    return response


def install(app: Flask) -> None:
    """Put the room into `app`."""
    app.register_blueprint(blueprint)
    app.after_request(_whose)


_DAY = {"Cache-Control": "public, max-age=86400"}
