"""Services and expressions 服务与表达式: operations and what they carry, correlation, and what an expression must say.

BPMN 2.0.2, 8.4.2 (correlation), 8.4.6 (expressions), 8.5 (services), 10.3.3 (service, send and receive tasks).
"""

from __future__ import annotations

import re

from engine.definitions.reading import Node, is_bpmn, local, text_of
from engine.definitions.standard.data import same_structure
from engine.definitions.standard.drawing import EVENTS, Drawing, children, title
from engine.definitions.standard.rules import Wrong, rule
from engine.definitions.vocabulary import XSI
from engine.errors import EngineError
from engine.feel import compile_expression

_EXPRESSIONS = (
    "conditionExpression",
    "condition",
    "timeDate",
    "timeDuration",
    "timeCycle",
    "loopCardinality",
    "loopCondition",
    "completionCondition",
    "activationCondition",
    "from",
    "to",
    "messagePath",
    "dataPath",
    "transformation",
    "formalExpression",
)
_FORMAL = frozenset({"messagePath", "dataPath", "transformation", "formalExpression"})
"""Elements that are formal expressions by the schema, without `xsi:type`."""

_PHRASE = re.compile(r"(?!(true|false|null)$)[^\W\d_]\w*([ ，、]+\w+)*[.。？?！!]?")
"""Words and no more: what is not marked as a formal expression is natural language by the schema; only where it reads like
an expression all the same is it taken for one."""

_MIME = re.compile(r"[\w.+-]+/[\w.+*-]+(\s*;.*)?")
_URI = re.compile(r"([A-Za-z0-9\-._~:/?#\[\]@!$&'()*+,;=\x80-\U0010FFFF]|%[0-9A-Fa-f]{2})*")


@rule(
    "operation_input",
    "10.3.3",
    "{it}调用服务操作，应有且只有一个输入集，现有 {count} 个",
    "在 ioSpecification 中写一个 inputSet",
    plays=True,
)
def operation_input(drawing: Drawing) -> Wrong:
    for node in drawing.nodes("serviceTask"):
        if _operation(drawing, node) is not None and drawing.executable(node):
            count = len(_specified(node, "inputSet"))
            if count != 1:
                yield node, {"count": str(count)}


@rule(
    "operation_output",
    "10.3.3",
    "{it}调用服务操作，最多一个输出集，现有 {count} 个",
    "只留一个 outputSet",
    plays=True,
)
def operation_output(drawing: Drawing) -> Wrong:
    for node in drawing.nodes("serviceTask"):
        count = len(_specified(node, "outputSet"))
        if _operation(drawing, node) is not None and count > 1:
            yield node, {"count": str(count)}


@rule(
    "operation_item",
    "10.3.3",
    "{it}的数据{side}与服务操作的消息“{message}”的数据类型不同",
    "改为该消息的数据类型",
    plays=True,
)
def operation_item(drawing: Drawing) -> Wrong:
    for node in drawing.nodes("serviceTask"):
        operation = _operation(drawing, node)
        if operation is None:
            continue
        for tag, reference, side in (
            ("dataInput", "inMessageRef", "输入"),
            ("dataOutput", "outMessageRef", "输出"),
        ):
            for message in drawing.references(operation, reference):
                if not _carries(drawing, node, tag, message):
                    yield node, {"side": side, "message": str(message.get("name") or message.get("id"))}


@rule("message_set", "10.3.3", "{it}只带一条消息，最多一个{what}，现有 {count} 个", "只留一个", plays=True)
def message_set(drawing: Drawing) -> Wrong:
    for tag, kinds in (
        ("sendTask", (("inputSet", "输入集"), ("dataInput", "数据输入"))),
        ("receiveTask", (("outputSet", "输出集"), ("dataOutput", "数据输出"))),
    ):
        for node in drawing.nodes(tag):
            for kind, what in kinds:
                count = len(_specified(node, kind))
                if count > 1 and str(node.get("messageRef") or "").strip():
                    yield node, {"what": what, "count": str(count)}


@rule(
    "message_item",
    "10.3.3",
    "{it}的数据{side}与消息“{message}”的数据类型不同",
    "改为该消息的数据类型",
    plays=True,
)
def message_item(drawing: Drawing) -> Wrong:
    for tag, kind, side in (("sendTask", "dataInput", "输入"), ("receiveTask", "dataOutput", "输出")):
        for node in drawing.nodes(tag):
            message = drawing.find(node, node.get("messageRef"))
            if (
                message is not None
                and is_bpmn(message, "message")
                and not _carries(drawing, node, kind, message)
            ):
                yield node, {"side": side, "message": str(message.get("name") or message.get("id"))}


@rule(
    "message_operation",
    "10.3.3",
    "{it}的消息“{message}”不是它的服务操作的{side}消息",
    "改为操作的消息，或换一个操作",
    plays=True,
)
def message_operation(drawing: Drawing) -> Wrong:
    for node in drawing.nodes("sendTask", "receiveTask"):
        operation, message = _operation(drawing, node), drawing.find(node, node.get("messageRef"))
        if operation is None or message is None:
            continue
        if message not in drawing.references(operation, "inMessageRef"):
            name = str(message.get("name") or message.get("id"))
            yield node, {"message": name, "side": "输入"}


@rule(
    "message_operation_missing",
    "10.5.5",
    "可执行流程的{it}带有数据类型的消息“{message}”，却没有写由哪个服务操作收发",
    "写 operationRef，或删去消息的 itemRef",
    plays=True,
)
def message_operation_missing(drawing: Drawing) -> Wrong:
    """The standard wants an operation at every message event of an executable process. It is asked for where the message is
    bound to the standard's own services by its item; engines go by the message's name."""
    if drawing.of_engine():
        return
    for event in drawing.nodes(*sorted(EVENTS)):
        for definition in drawing.definitions(event):
            message = drawing.find(definition, definition.get("messageRef"))
            if message is None or not drawing.executable(event) or children(definition, "operationRef"):
                continue
            if drawing.item(message, "itemRef") is not None:
                yield event, {"message": str(message.get("name") or message.get("id"))}


@rule(
    "io_binding",
    "10.3.6",
    "{it}对外提供服务接口，却没有把数据绑到接口的操作上",
    "写 ioBinding，或删去 supportedInterfaceRef",
    plays=True,
)
def io_binding(drawing: Drawing) -> Wrong:
    for reference in drawing.all("supportedInterfaceRef"):
        around = reference.getparent()
        if around is not None and not children(around, "ioBinding"):
            yield around


@rule(
    "io_binding_item",
    "10.3.6",
    "{it}的 ioBinding 所绑的数据{side}与操作的消息的数据类型不同",
    "绑到数据类型相同的一项",
    plays=True,
)
def io_binding_item(drawing: Drawing) -> Wrong:
    for binding in drawing.all("ioBinding"):
        around, operation = binding.getparent(), drawing.find(binding, binding.get("operationRef"))
        if around is None or operation is None:
            continue
        for attribute, reference, side in (
            ("inputDataRef", "inMessageRef", "输入"),
            ("outputDataRef", "outMessageRef", "输出"),
        ):
            mine = drawing.item(drawing.find(binding, binding.get(attribute)))
            for message in drawing.references(operation, reference):
                theirs = drawing.item(message, "itemRef")
                if mine is not None and theirs is not None and not same_structure(mine, theirs):
                    yield binding, {"it": title(around), "side": side}


# -- correlation ---------------------------------------------------------------------------------------


@rule(
    "correlation_extra",
    "8.4.2",
    "关联订阅绑定的{property}不在它的关联键里",
    "改为关联键里的属性，或把它加进关联键",
    plays=True,
)
def correlation_extra(drawing: Drawing) -> Wrong:
    for subscription, wanted, bound in _subscriptions(drawing):
        for one in bound:
            if one not in wanted:
                yield subscription, {"property": title(one)}


@rule(
    "correlation_unbound",
    "8.4.2",
    "关联订阅没有绑定关联键里的{property}",
    "为它补写 correlationPropertyBinding",
    plays=True,
)
def correlation_unbound(drawing: Drawing) -> Wrong:
    for subscription, wanted, bound in _subscriptions(drawing):
        for one in wanted:
            if one not in bound:
                yield subscription, {"property": title(one)}


def _subscriptions(drawing: Drawing) -> list[tuple[Node, list[Node], list[Node]]]:
    """Correlation subscriptions with the properties of their key and those they bind."""
    found = []
    for subscription in drawing.all("correlationSubscription"):
        key = drawing.find(subscription, subscription.get("correlationKeyRef"))
        if key is None or not is_bpmn(key, "correlationKey"):
            continue
        bindings = children(subscription, "correlationPropertyBinding")
        bound = [drawing.find(one, one.get("correlationPropertyRef")) for one in bindings]
        wanted = drawing.references(key, "correlationPropertyRef")
        found.append((subscription, wanted, [one for one in bound if one is not None]))
    return found


# -- expressions ---------------------------------------------------------------------------------------


@rule(
    "expression_natural",
    "8.4.6",
    "可执行流程里的表达式“{text}”是自然语言，无法执行",
    "写成式子并标为 tFormalExpression，或把流程标为不可执行",
    plays=True,
)
def expression_natural(drawing: Drawing) -> Wrong:
    """Marked as a plain expression, or not marked and nothing but words."""
    for node in drawing.all(*_EXPRESSIONS):
        if _formal(node) or not drawing.executable(node) or not text_of(node):
            continue
        kind = str(node.get(f"{{{XSI}}}type") or "").rpartition(":")[2]
        if kind == "tExpression" or (not kind and _PHRASE.fullmatch(text_of(node)) and not _timer(node)):
            yield node, {"text": text_of(node)}


@rule("expression_body", "8.4.6", "{tag} 没有内容", "写上表达式，或删去它", plays=True)
def expression_body(drawing: Drawing) -> Wrong:
    for node in drawing.all(*_EXPRESSIONS):
        formal = str(node.get(f"{{{XSI}}}type") or "").rpartition(":")[2] == "tFormalExpression"
        if (formal or _formal(node)) and not text_of(node) and not len(node):
            yield node, {"tag": local(node)}


@rule(
    "expression_feel",
    "8.4.6",
    "表达式“{text}”标明是 FEEL，但写法有误",
    "改正（检查括号、引号和运算符）",
    plays=True,
)
def expression_feel(drawing: Drawing) -> Wrong:
    for node in drawing.all(*_EXPRESSIONS):
        text = text_of(node)
        if not text or "feel" not in str(node.get("language") or "").lower():
            continue
        try:
            compile_expression(text.removeprefix("="))
        except EngineError:
            yield node, {"text": text}


@rule(
    "expression_language_uri",
    "8.2.1",
    "{attribute}“{value}”不是 URI",
    "写成如 https://www.omg.org/spec/DMN/20191111/FEEL/",
    plays=True,
)
def expression_language_uri(drawing: Drawing) -> Wrong:
    places = [(drawing.root, name) for name in ("expressionLanguage", "typeLanguage", "targetNamespace")]
    places += [(node, "language") for node in drawing.all(*_EXPRESSIONS)]
    for node, attribute in places:
        value = str(node.get(attribute) or "").strip()
        if not _URI.fullmatch(value):
            yield node, {"attribute": attribute, "value": value}


@rule(
    "text_format",
    "8.3.1",
    "文字格式（textFormat）“{value}”不是 MIME 类型",
    "写成如 text/plain、text/html，或删去这个属性",
    plays=True,
)
def text_format(drawing: Drawing) -> Wrong:
    """Of documentation, and of text annotations (8.4.1)."""
    for node in drawing.all("documentation", "textAnnotation"):
        value = node.get("textFormat")
        if value is not None and not _MIME.fullmatch(str(value).strip()):
            yield node, {"value": str(value).strip()[:60]}


def _formal(node: Node) -> bool:
    """A formal expression by the schema."""
    around = node.getparent()
    return local(node) in _FORMAL or (around is not None and is_bpmn(around, "complexBehaviorDefinition"))


def _timer(node: Node) -> bool:
    return local(node).startswith("time")  # said by `timer_text`


def _operation(drawing: Drawing, node: Node) -> Node | None:
    found = drawing.find(node, node.get("operationRef"))
    return found if found is not None and is_bpmn(found, "operation") else None


def _specified(node: Node, tag: str) -> list[Node]:
    return [one for spec in children(node, "ioSpecification") for one in children(spec, tag)]


def _carries(drawing: Drawing, node: Node, tag: str, message: Node) -> bool:
    """True when one of the element's data inputs (outputs) is of the message's item, or nothing contradicts it."""
    theirs = drawing.item(message, "itemRef")
    mine = [drawing.item(one) for one in _specified(node, tag)]
    if theirs is None or not mine:
        return True
    return any(one is not None and same_structure(one, theirs) for one in mine)
