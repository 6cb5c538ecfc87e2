"""流程: processes and their versions, the modeler, the parameters."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, render_template, request, url_for

from engine.definitions.compile import unzip_files
from engine.errors import NotFound
from engine.values import plain
from web.context import the_engine, who
from web.identity import may
from web.modeler import queries

blueprint = Blueprint("modeler", __name__, template_folder="templates")


@blueprint.get("/processes")
@may("signed_in")
def index() -> str:
    """流程列表。"""
    with the_engine().read() as c:
        return render_template("modeler/index.html", packages=queries.packages(c))


@blueprint.get("/processes/<string:key>")
@may("signed_in")
def versions(key: str) -> str:
    """一个流程：版本，以及现行版本的内容。"""
    return _version_page(key, "newest")


@blueprint.get("/processes/<string:key>/versions/<string:which>")
@may("signed_in")
def version(key: str, which: str) -> str:
    """一个版本。"""
    return _version_page(key, which)


def _version_page(key: str, which: str) -> str:
    engine, me = the_engine(), who()
    with engine.read() as c:
        everything = queries.versions(c, key)
        found = queries.version(c, key, which)
        draft = queries.draft(c, key, me.person) if me.is_a("publisher") else None
    package = engine.package(found["hash"])
    before = next((v for v in everything if v["version"] == found["version"] - 1), None)
    shown = _chosen(package, request.args.get("diagram", ""))
    return render_template(
        "modeler/version.html",
        found=found,
        versions=everything,
        newest=found["hash"] == everything[0]["hash"],
        contents=queries.contents(package),
        package=package,
        changes=queries.differences(engine.package(before["hash"]), package) if before else [],
        shown=shown,
        diagram={
            "xmlUrl": _file(key, found["hash"], shown.file),
            "marks": {"active": {}, "completed": [], "incident": [], "overdue": [], "next": []},
        },
        draft=draft,
    )


def _chosen(package: Any, wanted: str) -> Any:
    return package.processes.get(wanted) or package.processes[package.main]


def _file(key: str, which: str, path: str) -> str:
    return url_for("api_packages.file", key=key, which=which, path=path)


@blueprint.get("/processes/<string:key>/versions/<string:which>/forms/<string:form>")
@may("signed_in")
def form(key: str, which: str, form: str) -> str:
    """一张表单的样子。"""
    with the_engine().read() as c:
        found = queries.version(c, key, which)
    package = the_engine().package(found["hash"])
    shown = package.forms.get(form)
    if shown is None:
        raise NotFound("这个版本里没有这张表单。")
    props = {
        "schema": shown.schema,
        "data": {},
        "submitUrl": "",
        "filesUrl": "/api/v1/files",
        "nextUrl": "",
        "readonly": True,
    }
    return render_template("modeler/form.html", found=found, form=shown, props=props)


@blueprint.get("/processes/<string:key>/edit")
@may("publisher")
def edit(key: str) -> str:
    """在建模器里修改。有本人草稿时从草稿继续。"""
    engine, me = the_engine(), who()
    with engine.read() as c:
        found = queries.version(c, key, "newest")
        draft = queries.draft(c, key, me.person) if "fresh" not in request.args else None
    package = engine.package(found["hash"])
    base = draft.base if draft is not None and draft.base else found["hash"]
    files = [
        {
            "path": p,
            "url": f"/processes/{key}/draft/{p}" if draft is not None else _file(key, found["hash"], p),
        }
        for p in _paths(package, draft)
    ]
    api = f"/api/v1/packages/{key}"
    props = {
        "key": key,
        "base": base,
        "files": files,
        "checkUrl": f"{api}/check",
        "draftUrl": f"{api}/draft",
        "publishUrl": f"{api}/versions",
        "formsUrl": f"{api}/versions/{base}/files/forms",
        "forms": [{"key": f.key, "title": f.schema.get("title") or f.key} for f in package.forms.values()],
        "roles": {r.key: r.title for r in package.roles.values()},
        "parameters": [
            {"key": x.key, "title": x.title, "value": plain(x.value), "unit": x.unit, "source": x.source}
            for x in package.parameters.values()
        ],
        "readonly": False,
        "revision": draft.revision if draft is not None else 0,
        "nextUrl": f"/processes/{key}",
    }
    return render_template(
        "modeler/edit.html",
        found=found,
        package=package,
        props=props,
        draft=draft,
        stale=base != found["hash"],
    )


def _paths(package: Any, draft: Any) -> list[str]:
    """The files the modeler opens, the main diagram first."""
    paths = list(unzip_files(draft.files)) if draft is not None else list(package.files)
    main = package.processes[package.main].file
    order = {".bpmn": 1, ".dmn": 2, ".toml": 3, ".json": 4}
    return sorted(paths, key=lambda p: (p != main, order.get(p[p.rfind(".") :], 9), p))


@blueprint.get("/processes/<string:key>/draft/<path:path>")
@may("publisher")
def draft_file(key: str, path: str) -> Response:
    """本人草稿里的一个文件。"""
    with the_engine().read() as c:
        row = queries.draft(c, key, who().person)
    data = unzip_files(row.files).get(path) if row is not None else None
    if data is None:
        raise NotFound("草稿里没有这个文件。")
    return Response(data, content_type="text/plain; charset=utf-8")
