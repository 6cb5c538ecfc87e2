"""Validate what a person filled in 表单校验: a marshmallow schema generated from the form, once for each form.

Hide conditions are settled first, over the form's own values; then the visible fields are loaded. A sub-table's rows are
validated one by one by the schema of its columns, with the row's values before the form's in conditions.
"""

from __future__ import annotations

import re
from collections import ChainMap
from collections.abc import Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import date, datetime, time
from decimal import Decimal, InvalidOperation
from typing import Any

import marshmallow

from engine.calendar import Moment
from engine.clock import SHANGHAI
from engine.definitions.forms.form import Field
from engine.definitions.forms.pattern import MAX_TEXT
from engine.errors import BudgetExceeded, CalendarUnknown, ExpressionFailed, InputInvalid
from engine.values import Value, from_outside

LONGEST = 10_000
"""Characters of one text field."""
MOST_ROWS = 200
MOST_CHOSEN = 200

MOST_SCHEMAS = 64
"""Schemas kept of one level, one for each set of fields that was hidden; what conditions combine to beyond that is made anew."""

_ROUNDS = 10
"""How often hide conditions that depend on hidden fields are settled again."""

_NUMBER = re.compile(r"[+-]?(\d{1,34}(\.\d{0,34})?|\.\d{1,34})")
_FILE = re.compile(r"[A-Za-z0-9_:.-]{1,80}")
_DATE = re.compile(r"\d{4}-\d\d-\d\d")
_TIME = re.compile(r"(?P<clock>\d\d:\d\d(:\d\d)?)(\.\d+)?(Z|[+-]\d\d:\d\d)?")


@dataclass(frozen=True)
class _Call:
    """What one validation knows besides the data."""

    context: ChainMap[str, Value]
    moment: Moment
    lists: Mapping[str, Any]
    """`valuesKey` → allowed values; a missing list means that nothing may be chosen when `strict`."""
    strict: bool


_call: ContextVar[_Call] = ContextVar("form_validation")


class Part:
    """The fields of one level, with their generated schema."""

    def __init__(self, fields: Sequence[Field]) -> None:
        self.fields = [f for f in fields if f.type != "ignored"]
        self.ignored = {f.key for f in fields if f.type == "ignored"}
        self.names = {f"f{i}": f for i, f in enumerate(self.fields)}
        members: dict[str, Any] = {name: _LOADERS[f.type](f) for name, f in self.names.items()}
        self.schema: type[marshmallow.Schema] = marshmallow.Schema.from_dict(members, name="FormSchema")
        self._schemas: dict[frozenset[str], marshmallow.Schema] = {}

    def load(self, data: Value) -> tuple[dict[str, Value], dict[str, list[str]]]:
        """Values of this level (as from `from_outside`) → (clean, errors)."""
        if not isinstance(data, dict):
            return {}, {"": ["提交的内容应是一组字段，请刷新页面后重填。"]}
        given = {k: _blank(v) for k, v in data.items() if k not in self.ignored}
        known = {f.key for f in self.fields}
        errors = {k: [f"表单没有“{k[:60]}”这一项，请刷新页面后重填。"] for k in given if k not in known}
        given = {k: v for k, v in given.items() if k in known}
        hidden = self._hidden(given)
        visible = {k: v for k, v in given.items() if k not in hidden}
        schema = self._schema_without(frozenset(hidden))
        clean: dict[str, Value] = {}
        outer = _call.get()
        token = _call.set(_Call(outer.context.new_child(visible), outer.moment, outer.lists, outer.strict))
        try:
            loaded: Any = schema.load(visible)
        except marshmallow.ValidationError as refusal:
            for key, sentences in refusal.messages_dict.items():
                errors[str(key)] = (
                    [str(s) for s in sentences] if isinstance(sentences, list) else ["填写有误，请检查。"]
                )
        else:
            clean = {self.names[name].key: value for name, value in loaded.items()}
        finally:
            _call.reset(token)
        return ({} if errors else clean), errors

    def _schema_without(self, hidden: frozenset[str]) -> marshmallow.Schema:
        """The schema of the fields that are not hidden. Making one costs more than what it is used for; none keeps anything
        of a load, so that threads share them."""
        found = self._schemas.get(hidden)
        if found is None:
            found = self.schema(
                exclude=[n for n, f in self.names.items() if f.key in hidden], unknown=marshmallow.RAISE
            )
            if len(self._schemas) < MOST_SCHEMAS:
                self._schemas[hidden] = found
        return found

    def _hidden(self, given: Mapping[str, Value]) -> set[str]:
        """Keys of the fields hidden now. A hidden field counts as empty for the conditions of others."""
        hidden: set[str] = set()
        conditional = [f for f in self.fields if f.hides]
        blank: dict[str, Value] = {f.key: None for f in self.fields}
        for _ in range(_ROUNDS if conditional else 0):
            now = {**blank, **{k: v for k, v in given.items() if k not in hidden}}
            found = {f.key for f in conditional if self._is_hidden(f, now)}
            if found == hidden:
                break
            hidden = found
        return hidden

    @staticmethod
    def _is_hidden(field: Field, now: dict[str, Value]) -> bool:
        call = _call.get()
        context = call.context.new_child({"this": now, "parent": call.context}).new_child(now)
        for condition in field.hides:
            try:
                if condition.evaluate(context, call.moment) is True:
                    return True
            except (ExpressionFailed, BudgetExceeded, CalendarUnknown):
                continue  # what cannot be decided is shown, and asked for when required
        return False


def validate(
    part: Part,
    data: Any,
    context: Mapping[str, Value],
    moment: Moment,
    choices: Mapping[str, Sequence[Value]] | None,
) -> tuple[dict[str, Value], dict[str, list[str]]]:
    """See `Form.validate`."""
    values = from_outside(data)
    if not isinstance(values, dict):
        raise InputInvalid("表单内容应是一组字段，请刷新页面后重填。")
    lists: Mapping[str, Any] = context if choices is None else choices
    outer: ChainMap[str, Value] = ChainMap({}, context)  # type: ignore[arg-type]  # only the first of its maps is ever written
    token = _call.set(_Call(outer, moment, lists, choices is not None))
    try:
        return part.load(values)
    finally:
        _call.reset(token)


def _blank(value: Value) -> Value:
    """Empty text counts as nothing."""
    return None if isinstance(value, str) and not value.strip() else value


class _Loader(marshmallow.fields.Field[Any]):
    """A marshmallow field made from a form's field."""

    def __init__(self, field: Field) -> None:
        self.form_field = field
        label = field.label.replace("{", "{{").replace("}", "}}")  # marshmallow formats its messages
        must = f"“{label}”为必填项。"
        super().__init__(
            data_key=field.key,
            required=field.required,
            allow_none=not field.required,
            error_messages={"required": must, "null": must},
        )

    def refuse(self, sentence: str) -> marshmallow.ValidationError:
        """An error with the field's label before it."""
        return marshmallow.ValidationError(f"“{self.form_field.label}”{sentence}。")

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Value:
        return self.read(value)

    def read(self, value: Value) -> Value:
        """The clean value, or a raised `ValidationError`."""
        raise NotImplementedError


class _Text(_Loader):
    def read(self, value: Value) -> Value:
        field = self.form_field
        if not isinstance(value, str):
            raise self.refuse("应填写文字")
        text = value.strip()
        longest = min(field.max_length or LONGEST, LONGEST)
        if len(text) > longest:
            raise self.refuse(f"不能超过 {longest} 个字")
        if field.min_length is not None and len(text) < field.min_length:
            raise self.refuse(f"不能少于 {field.min_length} 个字")
        if field.pattern is not None:
            if len(text) > MAX_TEXT:
                raise self.refuse(f"不能超过 {MAX_TEXT} 个字")
            if not field.pattern.found(text):
                raise self.refuse("格式不对，请检查")
        return text


class _Number(_Loader):
    def read(self, value: Value) -> Value:
        field = self.form_field
        if isinstance(value, str) and _NUMBER.fullmatch(value.strip()):
            try:
                value = Decimal(value.strip())
            except InvalidOperation:
                value = None
        if isinstance(value, bool) or not isinstance(value, int | Decimal):
            raise self.refuse("应填写数字")
        number = Decimal(value)
        if abs(number) >= Decimal(10) ** 34:
            raise self.refuse("数字太大")
        exponent = number.as_tuple().exponent
        if not isinstance(exponent, int) or exponent < -34:
            raise self.refuse("小数位数太多")
        if field.minimum is not None and number < field.minimum:
            raise self.refuse(f"不能小于 {field.minimum}")
        if field.maximum is not None and number > field.maximum:
            raise self.refuse(f"不能大于 {field.maximum}")
        whole = number == number.to_integral_value()
        if field.decimal_digits is not None and not whole:
            digits = -int(number.normalize().as_tuple().exponent)
            if digits > field.decimal_digits:
                allowed = f"最多 {field.decimal_digits} 位小数" if field.decimal_digits else "应为整数"
                raise self.refuse(allowed)
        return int(number) if whole else number


class _Checkbox(_Loader):
    def read(self, value: Value) -> Value:
        if not isinstance(value, bool):
            raise self.refuse("应为是或否")
        if self.form_field.required and not value:
            raise self.refuse("须勾选")
        return value


class _Choice(_Loader):
    def read(self, value: Value) -> Value:
        return self.one(value)

    def one(self, value: Value) -> Value:
        field = self.form_field
        allowed = self._allowed()
        if allowed is None:
            if not isinstance(value, str) or len(value) > 200:
                raise self.refuse("请从名单中选择")
            return value
        for option in allowed:
            if type(option) is type(value) and option == value:
                return option
        if field.choices and not allowed:
            raise self.refuse("没有可选的内容，请联系安委办维护名单")
        raise self.refuse("所选内容不在选项中，请重新选择")

    def _allowed(self) -> Sequence[Value] | None:
        field = self.form_field
        if not field.choices:
            return field.options or ()
        call = _call.get()
        given = call.lists.get(field.choices, () if call.strict else None)
        if given is None:
            return None
        return [o.get("value") if isinstance(o, Mapping) else o for o in given]


class _Choices(_Choice):
    def read(self, value: Value) -> Value:
        if not isinstance(value, list):
            raise self.refuse("应是所选各项的列表")
        if self.form_field.required and not value:
            raise self.refuse("为必填项")
        if len(value) > MOST_CHOSEN:
            raise self.refuse(f"最多选 {MOST_CHOSEN} 项")
        found: list[Value] = []
        for item in value:
            one = self.one(item)
            if not any(type(one) is type(f) and one == f for f in found):
                found.append(one)
        return found


class _When(_Loader):
    def read(self, value: Value) -> Value:
        field = self.form_field
        if not isinstance(value, str):
            raise self.refuse("应填写日期" if field.subtype == "date" else "应填写时间")
        try:
            found = _WHEN[field.subtype](value.strip())
        except (ValueError, OverflowError):
            example = {"date": "2026-10-08", "time": "08:30", "datetime": "2026-10-08T08:30"}[field.subtype]
            raise self.refuse(f"不是有效的{_WHEN_TITLES[field.subtype]}，应如 {example}") from None
        if field.no_past and isinstance(found, date):
            now = _call.get().moment.now.astimezone(SHANGHAI)
            day = found.astimezone(SHANGHAI).date() if isinstance(found, datetime) else found
            if day < now.date():
                raise self.refuse("不能早于今天")
        return found


def _date(text: str) -> date:
    if not _DATE.fullmatch(text):
        raise ValueError
    found = date.fromisoformat(text)
    if not 1900 <= found.year <= 2200:
        raise ValueError
    return found


def _time(text: str) -> time:
    match = _TIME.fullmatch(text)
    if match is None:
        raise ValueError
    return time.fromisoformat(match["clock"])


def _datetime(text: str) -> datetime:
    day, mark, clock = text.partition("T")
    if not mark or not _TIME.fullmatch(clock):
        raise ValueError
    _date(day)
    found = datetime.fromisoformat(text)
    return found if found.tzinfo else found.replace(tzinfo=SHANGHAI)


_WHEN = {"date": _date, "time": _time, "datetime": _datetime}
_WHEN_TITLES = {"date": "日期", "time": "时间", "datetime": "日期时间"}


class _Files(_Loader):
    def read(self, value: Value) -> Value:
        field = self.form_field
        ids = [value] if isinstance(value, str) else value
        if not isinstance(ids, list) or not all(isinstance(i, str) and _FILE.fullmatch(i) for i in ids):
            raise self.refuse("应是已上传的文件")
        if field.required and not ids:
            raise self.refuse("为必填项，请上传文件")
        if len(ids) > (50 if field.multiple else 1):
            raise self.refuse("最多 50 个文件" if field.multiple else "只能上传一个文件")
        return list(dict.fromkeys(ids))


class _Rows(_Loader):
    """A sub-table: each row is loaded by the schema of its columns."""

    def __init__(self, field: Field) -> None:
        super().__init__(field)
        self.part = Part(field.fields)

    def read(self, value: Value) -> Value:
        if not isinstance(value, list):
            raise self.refuse("应是各行的列表")
        if self.form_field.required and not value:
            raise self.refuse("至少填写一行")
        if len(value) > MOST_ROWS:
            raise self.refuse(f"最多 {MOST_ROWS} 行")
        rows, sentences = [], []
        for number, row in enumerate(value, 1):
            clean, errors = self.part.load(row)
            rows.append(clean)
            sentences += [
                f"“{self.form_field.label}”第 {number} 行：{s}" for found in errors.values() for s in found
            ]
        if sentences:
            raise marshmallow.ValidationError(sentences[:50])
        return rows


_LOADERS: dict[str, type[_Loader]] = {
    "textfield": _Text,
    "textarea": _Text,
    "number": _Number,
    "checkbox": _Checkbox,
    "radio": _Choice,
    "select": _Choice,
    "checklist": _Choices,
    "taglist": _Choices,
    "datetime": _When,
    "filepicker": _Files,
    "dynamiclist": _Rows,
}
