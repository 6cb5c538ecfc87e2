"""A form as the engine knows it 表单: its fields and rules, without the drawing.

`Form.schema` keeps the form-js JSON for the browser; the rules here are the same ones, applied on the server.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cached_property
from typing import TYPE_CHECKING, Any

from engine.calendar import Moment
from engine.definitions.forms.pattern import Pattern
from engine.feel import Expression
from engine.values import Value

if TYPE_CHECKING:
    from engine.definitions.forms.validation import Part


@dataclass(frozen=True)
class Field:
    """One component that holds a value, or a group around others (`key` "").

    `hides` are the hide conditions of the component and of the groups around it, outermost first.
    """

    key: str
    type: str
    label: str
    required: bool = False
    min_length: int | None = None
    max_length: int | None = None
    pattern: Pattern | None = None
    minimum: Decimal | None = None
    maximum: Decimal | None = None
    decimal_digits: int | None = None
    options: tuple[Value, ...] | None = None
    """Allowed values; None: free, or given at validation time by `choices`."""
    choices: str = ""
    """Name of the list of allowed values (form-js `valuesKey`)."""
    subtype: str = ""
    """date | time | datetime."""
    no_past: bool = False
    multiple: bool = False
    hides: tuple[Expression, ...] = ()
    fields: tuple[Field, ...] = ()
    """The columns of a sub-table."""
    never_prefilled: bool = False

    @property
    def hidden_by(self) -> str:
        """The hide conditions as text, for comparing two versions."""
        return " or ".join(e.text for e in self.hides)


@dataclass(frozen=True)
class Form:
    """One form of one package version."""

    key: str
    title: str
    schema: Mapping[str, Any] = field(repr=False)
    """The form-js JSON, as deployed."""
    fields: tuple[Field, ...] = field(repr=False, default=())
    file: str = ""

    @cached_property
    def _part(self) -> Part:
        from engine.definitions.forms.validation import Part

        return Part(self.fields)

    def validate(
        self,
        data: Any,
        context: Mapping[str, Value],
        moment: Moment,
        choices: Mapping[str, Sequence[Value]] | None = None,
    ) -> tuple[dict[str, Value], dict[str, list[str]]]:
        """What a person sent → (clean values, errors by field key as Chinese sentences).

        `data` is JSON as it came in; `context` are the case's variables that hide conditions may read besides the form's
        own values; `choices` gives the allowed values of every `valuesKey` (plain values or `{"label", "value"}`).
        Without `choices` the lists are looked up in `context`, and a list that is not there takes any short text. Hidden fields are not required and their values are dropped; disabled
        and read-only fields are ignored; an empty value becomes null; keys the form does not have are errors.

        Raises `InputInvalid` for data a case could not remember (see `values.from_outside`).
        """
        from engine.definitions.forms.validation import validate

        return validate(self._part, data, context, moment, choices)

    def prefill(self, values: Mapping[str, Value]) -> dict[str, Value]:
        """The variables a person finds already filled in: known keys only, none of `neverPrefilled`."""
        return {f.key: values[f.key] for f in self.fields if f.key in values and not f.never_prefilled}
