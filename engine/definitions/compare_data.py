"""What has changed in the data of a process and in how messages find their case 数据与消息关联的变化, in plain Chinese."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from engine.definitions.model import Element, Process
from engine.feel import Expression


def element_data(name: str, before: Element, now: Element) -> Iterator[str]:
    """Of one element: what it takes, gives and has as its own."""
    yield from _names(f"{name}的数据输入", before.data_inputs, now.data_inputs)
    yield from _names(f"{name}的数据输出", before.data_outputs, now.data_outputs)
    yield from _names(f"{name}自有的数据", before.declares, now.declares)


def process_data(old: Process, new: Process) -> Iterator[str]:
    """Of one process: what it takes and gives when it is called, its own data, and its correlation."""
    yield from _names("被调用时的输入", old.inputs, new.inputs)
    yield from _names("被调用时的输出", old.outputs, new.outputs)
    yield from _names("被调用时自有的数据", old.declares, new.declares)
    keys = {k.id: k for k in old.correlation.keys}, {k.id: k for k in new.correlation.keys}
    for id in dict.fromkeys([*keys[1], *keys[0]]):
        before, now = keys[0].get(id), keys[1].get(id)
        name = (keys[1] if now else keys[0])[id].name
        yield from _names(
            f"消息关联键“{name}”的属性", before.properties if before else (), now.properties if now else ()
        )
    yield from _paths("关联属性“{}”在消息“{}”中的位置", old.correlation.paths, new.correlation.paths)
    yield from _paths("关联键“{}”的属性“{}”应有的值", _flat(old.expects), _flat(new.expects))


def _names(what: str, before: tuple[str, ...], now: tuple[str, ...]) -> Iterator[str]:
    if before != now:
        yield f"{what}由{'、'.join(before) or '无'}改为{'、'.join(now) or '无'}"


def _flat(expects: Mapping[str, Mapping[str, Expression]]) -> dict[tuple[str, str], Expression]:
    return {(key, name): value for key, values in expects.items() for name, value in values.items()}


def _paths(
    what: str, before: Mapping[tuple[str, str], Expression], now: Mapping[tuple[str, str], Expression]
) -> Iterator[str]:
    for at in dict.fromkeys([*now, *before]):
        was, to = before.get(at), now.get(at)
        if (was and was.text) != (to and to.text):
            yield f"{what.format(*at)}由{was.text if was else '无'}改为{to.text if to else '无'}"
