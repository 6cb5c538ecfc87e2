"""What every view reaches for: the engine, the settings, and the person who asks."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import nullcontext
from typing import TYPE_CHECKING

import sqlalchemy as sa
from flask import current_app, g

from engine.store.tables import packages

if TYPE_CHECKING:
    from engine.calendar import Moment
    from engine.definitions.model import Package
    from engine.directory import Directory
    from engine.runtime.channels import Channel
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


def the_channels() -> Mapping[str, Channel]:
    """The ways by which reminders leave the house, read once."""
    found: Mapping[str, Channel] | None = current_app.extensions.get("duban.channels")
    if found is None:
        found = current_app.extensions["duban.channels"] = the_settings().reminder_channels()
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


def the_moment(c: sa.Connection | None = None) -> Moment:
    """Now with the calendar, as this request found it: one instant for a whole page. Whoever is reading already gives the
    connection, which spares a transaction."""
    found: Moment | None = g.get("moment")
    if found is None:
        engine = the_engine()
        found = g.moment = engine.moment() if c is None else engine.moment_in(c)
    return found


def the_packages(c: sa.Connection | None = None) -> list[Package]:
    """The newest version of every package, as this request found them; with a connection as `the_moment`."""
    found: list[Package] | None = g.get("packages")
    if found is None:
        engine = the_engine()
        with engine.database.glance() if c is None else nullcontext(c) as reading:
            newest = reading.execute(_newest).scalars().all()
        found = g.packages = [engine.package(one) for one in newest]
    return found


_later = packages.alias()
_newest = (
    sa.select(packages.c.hash)
    .where(
        packages.c.version
        == sa.select(sa.func.max(_later.c.version)).where(_later.c.key == packages.c.key).scalar_subquery()
    )
    .order_by(packages.c.key)
)


def who() -> Who:
    """The signed-in person of this request. Only for views that are not open to anyone."""
    found: Who | None = g.get("who")
    if found is None:
        from web.errors import NotSignedIn

        raise NotSignedIn
    return found
