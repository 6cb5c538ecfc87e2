"""What every view reaches for: the engine, the settings, and the person who asks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import current_app, g

if TYPE_CHECKING:
    from engine.calendar import Moment
    from engine.definitions.model import Package
    from engine.directory import Directory
    from engine.runtime.engine import Engine
    from engine.runtime.settings import Settings
    from web.identity import Who


def the_engine() -> Engine:
    """The engine this app stands on."""
    found: Engine = current_app.extensions["duban.engine"]
    return found


def the_settings() -> Settings:
    """`engine.runtime.settings.Settings` this app was made with."""
    found: Settings = current_app.extensions["duban.settings"]
    return found


def demo_mode() -> bool:
    """Whether this is a demonstration: one-click sign-in and a clock that can be moved."""
    return the_settings().demo


def the_directory() -> Directory:
    """The directory as this request found it: read once, when it is first asked for. What changes it reads the engine's."""
    found: Directory | None = g.get("directory")
    if found is None:
        found = g.directory = the_engine().directory()
    return found


def the_moment() -> Moment:
    """Now with the calendar, as this request found it: one instant for a whole page."""
    found: Moment | None = g.get("moment")
    if found is None:
        found = g.moment = the_engine().moment()
    return found


def the_packages() -> list[Package]:
    """The newest version of every package, as this request found them."""
    found: list[Package] | None = g.get("packages")
    if found is None:
        found = g.packages = the_engine().newest_all()
    return found


def who() -> Who:
    """The signed-in person of this request. Only for views that are not open to anyone."""
    found: Who | None = g.get("who")
    if found is None:
        from web.errors import NotSignedIn

        raise NotSignedIn
    return found
