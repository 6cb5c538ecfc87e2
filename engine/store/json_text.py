"""A value inside a column that holds JSON text, as text: the same question in each database's words."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import GenericFunction


class json_text(GenericFunction[str]):
    """`json_text(column, key)`: the text under a key; NULL where there is none."""

    type = sa.String()
    inherit_cache = True


@compiles(json_text, "sqlite")
def _sqlite(element: json_text, compiler: Any, **options: Any) -> str:
    column, key = element.clauses
    return f"json_extract({compiler.process(column, **options)}, '$.' || json_quote({compiler.process(key, **options)}))"


@compiles(json_text, "postgresql")
def _postgresql(element: json_text, compiler: Any, **options: Any) -> str:
    column, key = element.clauses
    return f"(({compiler.process(column, **options)})::json ->> {compiler.process(key, **options)})"
