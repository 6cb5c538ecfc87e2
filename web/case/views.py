"""The case's page and the work item's page 案件与办理."""

from __future__ import annotations

from typing import Any

import orjson
import sqlalchemy as sa
from flask import Blueprint, render_template, request, url_for

from engine.errors import NotFound
from engine.handlers.ahead import Next, ahead
from engine.handlers.visibility import REPORT
from engine.handlers.work import Work
from web import copies, discretion, history, present
from web.case import conversation, evidence, queries, signing
from web.context import the_engine, who
from web.identity import may
from web.look import (
    abilities,
    actions,
    candidates_of,
    choices,
    hindrance,
    look,
    looked_at_again,
    may_be_added,
    powers,
    submitted,
    targets,
    urging,
    withdrawal,
)
from web.sight import case_row, item_row

blueprint = Blueprint("case", __name__, template_folder="templates")

LINES = 60
"""Lines of the timeline a page shows at first."""


def _diagram(case: str, row: Any, work: Any, facts: Any, wanted: str = "") -> dict[str, Any] | None:
    """Which diagram is shown, and its marks."""
    found = discretion.of(who()).marks(queries.marks(work.state, work.moment.now, facts), work.package)
    shown = queries.processes_of(work.package, found, work.package.main)
    if not shown:
        return None
    chosen = next((p for p in shown if p["key"] == wanted), shown[0])
    xml = url_for("api_packages.file", key=work.package.key, which=row.package, path=chosen["file"])
    empty: dict[str, Any] = {"active": {}, "completed": [], "incident": [], "overdue": [], "next": []}
    return {
        "processes": shown,
        "chosen": chosen["key"],
        "props": {"xmlUrl": xml, "marks": found.get(chosen["key"], empty), "process": chosen["key"]},
    }


@blueprint.get("/cases/<string:case>")
@may("signed_in")
@looked_at_again
def show(case: str) -> str:
    """案件。"""
    engine, me = the_engine(), who()
    with engine.read() as c:
        row: Any = case_row(c, me, case)
        work = look(case, me.actor)
        reader = discretion.of(me)
        open_items = reader.items(queries.open_items(c, case))
        closed = reader.items(queries.closed_items(c, case))
        able = {
            i["item"]: abilities(work, work.state.items[i["item"]])
            for i in open_items
            if i["item"] in work.state.items
        }
        lines = history.told(c, case, work.package)
        everything = "technical" in request.args
        shown = reader.facts(history.as_row(x) for x in reversed(lines) if everything or not x.technical)
        signings = signing.signings((x.entry for x in lines), work, reader)
        register = _register(row, work.package)
        columns = [c["key"] for c in work.package.register.get("columns", ())]
        files = reader.files(queries.files(c, case))
        file_names = {f["id"]: f["name"] for f in files}
        return render_template(
            "case/show.html",
            case=row,
            register=register,
            explain=reader.explanation(
                queries.explain(c, row, work.package, work.moment.now) + signing.sentences(signings, work)
            ),
            signings=[x for x in signings if x.open],
            items=open_items,
            able=able,
            closed=closed,
            backs=[x for x in closed if withdrawal(work, x["item"], x)["able"]],
            lines=shown if "all" in request.args else shown[:LINES],
            hidden=max(0, len(shown) - LINES) if "all" not in request.args else 0,
            everything=everything,
            files=files,
            hints=evidence.hints(c, me, work),
            file_names=file_names,
            variables=reader.variables(
                queries.variables(work.state, work.package, file_names),
                columns,
                queries.keys_filled_by((x.entry for x in lines), reader.units),
            ),
            incidents=queries.incidents(c, case),
            actions=actions(work),
            powers=powers(work),
            diagram=_diagram(case, row, work, (x.entry.fact for x in lines), request.args.get("process", "")),
            threads=conversation.threads(reader.facts(history.as_row(x) for x in lines)),
            text_of=conversation.text_of,
            **_between_people(c, row, work),
            into=request.args.get("into", "")[:100],
            package=work.package,
            labels=present.labels_of_forms(work.package.forms.values()),
            chosen=present.chosen_of_directory(work.package.forms.values()),
        )


def _between_people(c: sa.Connection, row: Any, work: Work) -> dict[str, Any]:
    """Copies, and what this case was merged into or was merged into it."""
    me, reader = who(), discretion.of(who())
    sent = copies.of_case(c, row.id)
    to_me = [x for x in sent if copies.is_unread(x, me)]
    return {
        "copies": reader.copies(sent),
        "to_me": to_me,
        "role_of": work.package.role_title,
        "goes_on": _seen(c, row.merged_into) if row.merged_into else None,
        "joined": [
            x | {"seen": _seen(c, x["id"]) is not None}
            for x in queries.joined(c, row.id)
            if not reader.hides_joined(x["origin"])
        ],
        "likely": work.setting.related(work.state) if powers(work)["merge"] else [],
    }


def _seen(c: sa.Connection, case: str) -> Any:
    """The case's row, None where the reader does not see it."""
    try:
        return case_row(c, who(), case)
    except NotFound:
        return None


def _likely(row: Any, work: Any) -> dict[str, Any]:
    """What the page needs to ask for cases that are probably the same hazard 查重, and where the office merges with one."""
    register = work.package.register
    said = discretion.of(who()).text(orjson.loads(row.register or "{}"))
    words = " ".join(str(said[key]) for key in register.get("alike", ()) if said.get(key))
    about = {"package": row.package_key, "case": row.id, "party": row.party, "region": row.region}
    return {
        "url": "/api/v1/register/similar",
        "about": about | {"words": (words or row.title)[:500]},
        "merge": f"/cases/{row.id}" if powers(work)["merge"] else "",
    }


def _register(row: Any, package: Any) -> list[tuple[str, Any]]:
    """The register's columns of this case that hold something."""
    values = discretion.of(who()).text(orjson.loads(row.register or "{}"))
    titles = {c["key"]: c["title"] for c in package.register.get("columns", ())}
    chosen = present.chosen_of_directory(package.forms.values())
    return [
        (title, present.named(values[key], chosen.get(key, "")))
        for key, title in titles.items()
        if values.get(key) not in (None, "", [])
    ]


@blueprint.get("/cases/<string:case>/items/<int(max=2147483647):item>")
@may("signed_in")
@looked_at_again
def item(case: str, item: int) -> str:
    """办理一步。"""
    engine, me = the_engine(), who()
    with engine.read() as c:
        row: Any = case_row(c, me, case)
        wanted: Any = item_row(c, me, case, item)
        reader = discretion.of(me)
        work = look(case, me.acting(wanted.role, wanted.unit))
        lines = history.told(c, case, work.package)
        schema = queries.form_of(work.package, wanted.form)
        found = work.state.items.get(item)
        props = None
        if found is None:
            filled = _filled(reader.facts(history.as_row(x) for x in lines), item)
            if schema is not None and filled is not None:
                props = _props(schema, _with_lists(schema, filled, work), case, item, readonly=True)
        elif schema is not None:
            before = queries.filled_before(c, case, wanted.element, wanted.unit)
            data = queries.prefill(
                schema, dict(work.state.variables(item)), before, choices(work), queries.given(work, item)
            )
            data |= submitted(work, item)
            data = reader.text(data) if wanted.unit in me.units or reader.inner else {}
            props = _props(schema, data, case, item, readonly=hindrance(work, found) != "")
        told = reader.facts(history.as_row(x) for x in reversed(lines) if not x.technical)
        papers = reader.files(queries.files(c, case))
        return render_template(
            "case/item.html",
            case=row,
            item=wanted,
            element=_element(work, wanted.element),
            register=_register(row, work.package),
            open=found is not None,
            able=abilities(work, found) if found is not None else {},
            refusal=hindrance(work, found) if found is not None else "",
            targets=reader.targets(targets(work, found)) if found is not None else [],
            back=withdrawal(work, item, wanted._mapping) if found is None else {},
            candidates=candidates_of(work, item),
            adding=may_be_added(work, found) if found is not None else {"ways": [], "signers": []},
            signings=[x for x in signing.signings((x.entry for x in lines), work, reader) if x.of(item)],
            props=props,
            likely=_likely(row, work)
            if found is not None and queries.chooses_cases(work.package, found)
            else None,
            diagram=_diagram(
                case, row, work, (x.entry.fact for x in lines), _process_of(work, wanted.element)
            ),
            lines=told[:15],
            urges=[x for x in told if x["kind"] == "WorkItemUrged" and x["data"].get("id") == item],
            urging=urging(work, found) if found is not None else None,
            threads=conversation.threads(told, item),
            text_of=conversation.text_of,
            powers=powers(work),
            files=[f for f in papers if f["item"] == item and not f["merged"]],
            papers=[f for f in papers if f["item"] != item or f["merged"]],
            next=_ahead(work, found) if found is not None else [],
            wanted_files=queries.required_files(schema) if found is not None else [],
            hints=evidence.hints(c, me, work, 0 if found is not None else item),
        )


def _ahead(work: Any, item: Any) -> list[Next]:
    """What comes after the item, as far as this person may know. What the case may only wait for is of no interest to who is
    waiting to hear who gets it: it is left out where there is a step or an end to tell of."""
    hidden = frozenset() if discretion.of(who()).reports else discretion.telling(work.package)
    found = [n for n in ahead(item, work) if n.element not in hidden and not (hidden and REPORT in n.name)]
    told = [n for n in found if n.certain or n.what != "wait"]
    return told or found


def _props(schema: Any, data: dict[str, Any], case: str, item: int, *, readonly: bool) -> dict[str, Any]:
    return {
        "schema": schema,
        "data": data,
        "submitUrl": f"/api/v1/cases/{case}/items/{item}/finish",
        "draftUrl": f"/api/v1/cases/{case}/items/{item}/draft",
        "filesUrl": "/api/v1/files",
        "nextUrl": f"/cases/{case}",
        "readonly": readonly,
        "submitLabel": "提交",
    }


def _with_lists(schema: Any, filled: dict[str, Any], work: Any) -> dict[str, Any]:
    """What was filled in, with the lists its selects need to show words."""
    return queries.prefill(schema, {}, {}, choices(work)) | filled


def _filled(rows: Any, item: int) -> dict[str, Any] | None:
    """The form a person finished this item with, if the reader may read it."""
    for row in rows:
        if row["kind"] == "WorkItemCompleted" and row["data"].get("id") == item:
            return dict(row["data"].get("form") or {})
    return None


def _element(work: Any, element: str) -> Any:
    return next((p.elements[element] for p in work.package.processes.values() if element in p.elements), None)


def _process_of(work: Any, element: str) -> str:
    return next((k for k, p in work.package.processes.items() if element in p.elements), "")


@blueprint.get("/cases/<string:case>/actions/<string:action>")
@may("signed_in")
def action(case: str, action: str) -> str:
    """提出申请。"""
    me = who()
    with the_engine().read() as c:
        row: Any = case_row(c, me, case)
    work = look(case, me.actor)
    found = work.package.actions.get(action)
    if found is None:
        raise NotFound(f"“{work.package.title}”没有这项申请。")
    schema = queries.form_of(work.package, found.form)
    props = None
    if schema is not None:
        props = {
            "schema": schema,
            "data": discretion.of(me).text(
                queries.prefill(schema, dict(work.state.root_variables), {}, choices(work))
            ),
            "submitUrl": f"/api/v1/cases/{case}/actions/{action}",
            "draftUrl": f"/api/v1/cases/{case}/actions/{action}/draft",
            "endsDraft": True,
            "filesUrl": "/api/v1/files",
            "nextUrl": f"/cases/{case}",
            "readonly": not any(a["key"] == action for a in actions(work)),
            "submitLabel": found.title,
        }
    return render_template(
        "case/action.html", case=row, action=found, props=props, register=_register(row, work.package)
    )
