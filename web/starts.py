"""Where one may begin a case 登记入口: the starts of the newest packages that one's posts open."""

from __future__ import annotations

from typing import Any

from engine.definitions.model import Package, Start
from engine.errors import NotAllowed, NotFound
from engine.handlers.choices import Choices
from engine.values import plain
from web.context import the_engine, the_packages
from web.identity import Who


def starts_of(package: Package) -> dict[str, Start]:
    """Every start event of the main process that people may use."""
    drawn = package.processes[package.main]
    return {s: package.starts[s] for s in drawn.entries if s in package.starts and package.starts[s].roles}


def open_to(who: Who) -> list[dict[str, Any]]:
    """The starts of the newest packages that one of the person's roles opens."""
    return [
        {
            "package": package.key,
            "package_title": package.title,
            "start": key,
            "title": start.title,
            "form": start.form,
        }
        for package in the_packages()
        for key, start in starts_of(package).items()
        if set(start.roles) & set(who.roles)
    ]


def form_of(who: Who, package: str, start: str) -> dict[str, Any]:
    """A start's form with its choices. Raises `NotFound`, and `NotAllowed` where the person may not start."""
    found, rule = open_start(who, package, start)
    form = found.forms.get(rule.form)
    schema = dict(form.schema) if form is not None else None
    lists = Choices(the_engine().directory(), found.roles, asker=who.person)
    data = {source: plain(lists[source]) for source in _sources(schema) if source in lists}
    return {
        "package": found.key,
        "package_title": found.title,
        "start": start,
        "title": rule.title,
        "schema": schema,
        "data": data,
    }


def open_start(who: Who, package: str, start: str) -> tuple[Package, Start]:
    """A start of the newest version. Raises `NotFound`, and `NotAllowed` where the person may not start."""
    found = the_engine().newest(package)
    rule = starts_of(found).get(start)
    if rule is None:
        raise NotFound(f"“{found.title}”没有这个登记入口。")
    if not set(rule.roles) & set(who.roles):
        titles = "、".join(found.roles[r].title if r in found.roles else r for r in rule.roles)
        raise NotAllowed(f"“{rule.title}”由{titles}办理，您没有这个岗位。")
    return found, rule


def _sources(schema: dict[str, Any] | None) -> set[str]:
    found: set[str] = set()

    def walk(components: Any) -> None:
        for component in components or ():
            if component.get("valuesKey"):
                found.add(component["valuesKey"])
            walk(component.get("components"))

    walk((schema or {}).get("components"))
    return found
