"""Processes 流程: versions, files, check, draft, publish, and the office's parameters."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa
from flask import Response

from engine.definitions import manifest
from engine.definitions.compile import compile_package, refuses, unzip_files, zip_files
from engine.definitions.manifest import set_parameter
from engine.definitions.model import Package
from engine.definitions.package_files import known_path
from engine.errors import Conflict, InputInvalid, NotFound
from engine.runtime.engine import Engine
from engine.store import tables as t
from web.api import Room, schemas
from web.context import the_engine, who
from web.errors import finding_data
from web.identity import may
from web.modeler import queries
from web.security import accepts

room = Room("api_packages", __name__, url_prefix="/packages", description="流程")

_TYPES = {
    "bpmn": "application/xml",
    "dmn": "application/xml",
    "json": "application/json",
    "toml": "text/plain",
    "yaml": "text/plain",
    "yml": "text/plain",
}


def _version(key: str, which: str) -> dict[str, Any]:
    with the_engine().read() as c:
        return queries.version(c, key, which)


def _files(body: Mapping[str, Any], key: str) -> dict[str, bytes]:
    """The body's files over the base's."""
    files: dict[str, bytes] = {}
    if body.get("base"):
        files.update(the_engine().package(_version(key, body["base"])["hash"]).files)
    for path, text in body["files"].items():
        if not known_path(path):
            raise InputInvalid(
                f"“{path[:80]}”不能放在流程包里（可用：process.toml、*.bpmn、*.dmn、forms/*.json、scenarios/*.yaml）。"
            )
        if text is None:
            files.pop(path, None)
        elif isinstance(text, str):
            files[path] = text.encode()
        else:
            raise InputInvalid(f"文件“{path[:80]}”的内容应为文字。")
    return files


@room.route("", methods=["GET"])
@room.response(200)
@may("signed_in")
def list_packages() -> dict[str, Any]:
    """全部流程的现行版本。"""
    with the_engine().read() as c:
        return {"items": queries.packages(c)}


@room.route("/<string:key>/versions", methods=["GET"])
@room.response(200)
@may("signed_in")
def versions(key: str) -> dict[str, Any]:
    """一个流程的全部版本，新的在前。"""
    with the_engine().read() as c:
        return {"items": queries.versions(c, key)}


@room.route("/<string:key>/versions/<string:which>", methods=["GET"])
@room.response(200)
@may("signed_in")
def version(key: str, which: str) -> dict[str, Any]:
    """一个版本（哈希、版次或 newest）的内容：岗位、参数、表单、文件。"""
    found = _version(key, which)
    return found | queries.contents(the_engine().package(found["hash"]))


@room.route("/<string:key>/versions/<string:which>/files/<path:path>", methods=["GET"])
@room.response(200)
@may("signed_in")
def file(key: str, which: str, path: str) -> Response:
    """版本中的一个文件（BPMN、DMN、表单……）。"""
    data = the_engine().package(_version(key, which)["hash"]).files.get(path)
    if data is None:
        raise NotFound("这个版本里没有这个文件。")
    kind = _TYPES.get(path.rpartition(".")[2], "text/plain")
    answer = Response(data, content_type=f"{kind}; charset=utf-8")
    answer.headers["Cache-Control"] = "private, max-age=3600" if len(which) == 64 else "no-store"
    answer.headers["Content-Security-Policy"] = "default-src 'none'; sandbox"  # XML could be XHTML
    return answer


@room.route("/<string:key>/versions/<string:which>/changes/<string:against>", methods=["GET"])
@room.response(200)
@may("signed_in")
def compare(key: str, which: str, against: str) -> dict[str, Any]:
    """两个版本的差异，逐条一句话。"""
    engine = the_engine()
    new, old = _version(key, which), _version(key, against)
    return {"changes": queries.differences(engine.package(old["hash"]), engine.package(new["hash"]))}


@room.route("/<string:key>/check", methods=["POST"])
@room.arguments(schemas.FilesBody)
@room.response(200)
@may("publisher")
@accepts("model")
def check(body: dict[str, Any], key: str) -> dict[str, Any]:
    """检查一组文件，不保存。findings 指到环节，changes 是与现行版本的差异。"""
    files = _files(body, key)
    findings = the_engine().check(files)
    package = None if refuses(findings) else compile_package(files)[0]
    said = queries.differences(queries.newest_or_none(key), package) if package is not None else []
    return {"ok": package is not None, "findings": [finding_data(f) for f in findings], "changes": said}


@room.route("/<string:key>/versions", methods=["POST"])
@room.arguments(schemas.PublishBody)
@room.response(201)
@may("publisher")
@accepts("model")
def publish(body: dict[str, Any], key: str) -> dict[str, Any]:
    """检查并发布新版本；新案件立即使用，办理中的案件不变。"""
    engine = the_engine()
    current = queries.newest_or_none(key)
    if body["base"] and current is not None and _version(key, body["base"])["hash"] != current.hash:
        raise Conflict("这个流程已有更新的版本，请先打开现行版本，把修改移过去再发布。")
    files = _files(body, key)
    found = manifest.read(files.get(manifest.FILE, b"")).key
    if found and found != key:
        raise InputInvalid(f"流程包代码是“{found}”，与正在修改的“{key}”不一致。")
    return _publish(engine, current, files, body["note"])


def _publish(
    engine: Engine, current: Package | None, files: Mapping[str, bytes], note: str
) -> dict[str, Any]:
    over = current.hash if current is not None else ""
    package, findings = engine.publish(files, who().actor, note, over=over)
    made = _version(package.key, package.hash)
    with engine.database.write() as c:
        c.execute(
            sa.delete(t.drafts).where(
                t.drafts.c.package_key == package.key, t.drafts.c.person == who().person
            )
        )
    said = queries.differences(current, package)
    return made | {"findings": [finding_data(f) for f in findings], "changes": said}


@room.route("/<string:key>/draft", methods=["GET"])
@room.response(200)
@may("publisher")
def read_draft(key: str) -> dict[str, Any]:
    """本人在这个流程上的草稿。"""
    with the_engine().read() as c:
        row = queries.draft(c, key, who().person)
    if row is None:
        raise NotFound("没有草稿。")
    files = {p: d.decode("utf-8", "replace") for p, d in unzip_files(row.files).items()}
    return {"base": row.base, "revision": row.revision, "changed_at": row.changed_at, "files": files}


@room.route("/<string:key>/draft", methods=["POST"])
@room.arguments(schemas.DraftBody)
@room.response(200)
@may("publisher")
@accepts("model")
def save_draft(body: dict[str, Any], key: str) -> dict[str, Any]:
    """保存草稿；在别处改过的（revision 不符）不会被覆盖。"""
    engine, d = the_engine(), t.drafts
    files = zip_files(_files(body, key))
    with engine.database.write() as c:
        now = engine.moment_in(c).now
        row = queries.draft(c, key, who().person)
        if row is not None and row.revision != body["revision"]:
            raise Conflict("草稿在另一个窗口里改过了，请刷新后再保存。")
        revision = 1 if row is None else row.revision + 1
        values = {"base": body["base"], "files": files, "revision": revision, "changed_at": now}
        if row is None:
            c.execute(
                sa.insert(d).values(id=secrets.token_hex(12), package_key=key, person=who().person, **values)
            )
        else:
            c.execute(sa.update(d).where(d.c.id == row.id).values(**values))
    return {"revision": revision}


@room.route("/<string:key>/draft", methods=["DELETE"])
@room.response(204)
@may("publisher")
def drop_draft(key: str) -> None:
    """放弃草稿。"""
    d = t.drafts
    with the_engine().database.write() as c:
        c.execute(sa.delete(d).where(d.c.package_key == key, d.c.person == who().person))


@room.route("/<string:key>/parameters", methods=["PUT"])
@room.arguments(schemas.ParametersBody)
@room.response(201)
@may("publisher")
def set_parameters(body: dict[str, Any], key: str) -> dict[str, Any]:
    """修改参数值并发布为新版本。只影响新案件。"""
    engine = the_engine()
    current = engine.newest(key)
    if body["base"] and body["base"] != current.hash:
        raise Conflict("这个流程已有更新的版本，请刷新后再改参数。")
    files: Mapping[str, bytes] = dict(current.files)
    changed = {
        k: v
        for k, v in body["values"].items()
        if k not in current.parameters or current.parameters[k].value != v
    }
    if not changed:
        raise InputInvalid("参数没有变化，不需要发布。")
    for name, value in changed.items():
        kind = current.parameters[name].value if name in current.parameters else value
        if isinstance(kind, list) != isinstance(value, list) or isinstance(kind, str) != isinstance(
            value, str
        ):
            raise InputInvalid(
                f"参数“{current.parameters[name].title}”的值类型不符。",
                errors={name: ["值的类型与原来不同。"]},
            )
        files = set_parameter(files, name, value)
    titles = "、".join(current.parameters[k].title for k in changed)
    return _publish(engine, current, files, body["note"] or f"修改参数：{titles}"[:2000])
