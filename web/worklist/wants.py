"""What an item wants of who does it 这一步要做什么, in one line: from the step's documentation, the fields its form requires, and
the days its limit is drawn with. Worked out once for each published version and step."""

from __future__ import annotations

import re
from functools import lru_cache

from engine.definitions.forms import Field
from engine.definitions.model import Element, Package
from engine.errors import EngineError
from web.context import the_engine

VERBS = {
    "radio": "选择",
    "select": "选择",
    "checklist": "选择",
    "taglist": "选择",
    "dynamiclist": "逐项填写",
    "filepicker": "上传",
    "checkbox": "确认",
}
"""What is done with a field, by its type; others are filled in 填写."""

NAMED, LONGEST = 5, 60
"""Fields named in the line, and characters of a step's documentation shown there [P]."""

_DAYS = re.compile(r"=?\s*workdays\(now\(\),\s*(?:p\.(?P<parameter>\w+)|(?P<days>\d{1,4}))\)")


@lru_cache(maxsize=8192)
def wants(package: str, element: str, form: str) -> str:
    """The line for a step of a published version (by its hash, which says what is in it); "" where it cannot be opened."""
    try:
        return line(the_engine().package(package), element, form)
    except EngineError:
        return ""


def line(package: Package, element: str, form: str) -> str:
    """As `wants`, of a package at hand."""
    drawn = next((p.elements[element] for p in package.processes.values() if element in p.elements), None)
    said = [_documented(drawn), _filled_in(package, form), _within(package, drawn)]
    return "；".join(part for part in said if part)


def _documented(drawn: Element | None) -> str:
    text = " ".join(drawn.documentation.split()) if drawn is not None else ""
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"


def _filled_in(package: Package, form: str) -> str:
    """需选择核验结论、填写核验情况、上传照片."""
    drawn = package.forms.get(form)
    if drawn is None:
        return "没有表单，核实后直接办结" if not form else ""
    required = [field for field in drawn.fields if field.required]
    always = [field for field in required if not field.hides]
    if not always:
        return "按表单填写，视所选内容有必填项" if required else "按表单填写，没有必填项"
    said: dict[str, list[str]] = {}
    for field in always[:NAMED]:
        said.setdefault(VERBS.get(field.type, "填写"), []).append(_label(field))
    whole = "，".join(f"{verb}{'、'.join(labels)}" for verb, labels in said.items())
    more = f"等 {len(always)} 项" if len(always) > NAMED else ""
    return f"需{whole}{more}"


def _label(field: Field) -> str:
    return field.label or field.key


def _within(package: Package, drawn: Element | None) -> str:
    """3 个工作日内, where the limit is drawn as so many working days from the beginning and nothing else."""
    found = _DAYS.fullmatch(drawn.due.text.strip()) if drawn is not None and drawn.due is not None else None
    if found is None:
        return ""
    days = found["days"]
    if found["parameter"]:
        parameter = package.parameters.get(found["parameter"])
        days = str(parameter.value) if parameter is not None and isinstance(parameter.value, int) else ""
    return f"{days} 个工作日内" if days else ""
