"""Alembic's way in. The connection is given by `engine.store.migrate`, with its transaction already begun."""

from typing import Any, Literal

from alembic import context

from engine.store.tables import Instant, metadata


def render_item(kind: str, item: Any, autogen: Any) -> str | Literal[False]:
    """Write our own column type by its name when a revision is generated."""
    if kind == "type" and isinstance(item, Instant):
        autogen.imports.add("from engine.store.tables import Instant")
        return "Instant()"
    return False


context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_item=render_item,
    transactional_ddl=False,  # the transaction is the caller's
)
context.run_migrations()
