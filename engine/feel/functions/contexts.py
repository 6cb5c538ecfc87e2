"""Context functions."""

from __future__ import annotations

from typing import Any

from engine.feel import semantics
from engine.feel.budget import Run
from engine.feel.functions.registry import function


@function("get value", "m, key | context, key | context, keys")
def get_value(run: Run, context: Any, key: Any) -> Any:
    """An entry by its name, or by a list of names, one level after another."""
    keys = key if isinstance(key, list) else [key]
    run.entries(len(keys))
    for one in keys:
        if not isinstance(context, dict) or not isinstance(one, str):
            return None
        context = context.get(one)
    return context if keys else None


@function("get entries", "m | context")
def get_entries(run: Run, context: Any) -> list[Any] | None:
    """A list of `{key, value}`."""
    if not isinstance(context, dict):
        return None
    run.entries(len(context))
    return [{"key": key, "value": value} for key, value in context.items()]


@function("context", "entries")
def context_(run: Run, entries: Any) -> dict[str, Any] | None:
    """The inverse of `get entries`; null when a key is missing or occurs twice."""
    found = semantics.as_list(entries)
    if found is None:
        return None
    run.entries(len(found))
    made: dict[str, Any] = {}
    for entry in found:
        if not isinstance(entry, dict) or "value" not in entry:
            return None
        key = entry.get("key")
        if not isinstance(key, str) or not _may_be_key(key) or key in made:
            return None
        made[key] = entry["value"]
    return made


@function("context put", "context, key, value | context, keys, value")
def context_put(run: Run, context: Any, key: Any, value: Any) -> dict[str, Any] | None:
    """A copy of the context with one entry set, by its name or by a list of names downwards."""
    keys = key if isinstance(key, list) else [key]
    if not keys or not all(map(_may_be_key, keys)) or not isinstance(context, dict):
        return None
    run.entries(len(keys) + len(context))
    if len(keys) == 1:
        return {**context, keys[0]: value}
    levels = [context]
    for one in keys[:-1]:
        inner = levels[-1].get(one)
        if not isinstance(inner, dict):
            return None
        run.entries(len(inner))
        levels.append(inner)
    for one, level in zip(reversed(keys), reversed(levels), strict=True):
        value = {**level, one: value}
    made: dict[str, Any] = value
    return made


@function("context merge", "contexts")
def context_merge(run: Run, contexts: Any) -> dict[str, Any] | None:
    """One context of all; later entries win."""
    found = semantics.as_list(contexts)
    if found is None or not all(isinstance(one, dict) for one in found):
        return None
    made: dict[str, Any] = {}
    for one in found:
        run.entries(len(one))
        made.update(one)
    return made


def _may_be_key(key: Any) -> bool:
    """A text that does not begin with `$`, which marks tagged values in JSON."""
    return isinstance(key, str) and not key.startswith("$")
