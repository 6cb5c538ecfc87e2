"""The only XML entry 唯一的 XML 入口: untrusted bytes in, an lxml tree or a refusal out.

Nothing outside the file is ever read and nothing inside it is ever expanded: no entities, no DTD, no network. A
DOCTYPE is refused after parsing, not by looking at the bytes, because a UTF-16 file passes every byte test.
"""

from __future__ import annotations

import re

from lxml import etree

from engine.errors import DefinitionRefused, Finding

MAX_BYTES = 2_000_000
MAX_DEPTH = 30
MAX_ELEMENTS = 60_000
"""Bound on all elements of a file, drawing included. A 500-node diagram with its drawing has about 10,000."""

_ENCODINGS = frozenset(
    {
        "UTF-8",
        "UTF-16",
        "UTF-16LE",
        "UTF-16BE",
        "US-ASCII",
        "ASCII",
        "GB18030",
        "GBK",
        "GB2312",
        "WINDOWS-1252",
        "ISO-8859-1",
    }
)


class _Nothing(etree.Resolver):
    """Second lock: whatever the file points to is empty."""

    def resolve(self, system_url: str, public_id: str, context: object) -> object:  # type: ignore[override]  # the stubs forget the context
        return self.resolve_empty(context)  # type: ignore[attr-defined]  # the stubs lack it


def _parser() -> etree.XMLParser:
    # no `collect_ids=False`: with it lxml 6.1 opens the external DTD in spite of `load_dtd=False`
    parser = etree.XMLParser(
        resolve_entities=False,
        load_dtd=False,
        dtd_validation=False,
        attribute_defaults=False,
        no_network=True,
        huge_tree=False,
        recover=False,
        remove_comments=True,
        remove_pis=True,
        strip_cdata=True,
    )
    parser.resolvers.add(_Nothing())
    return parser


def refused(rule: str, message: str, file: str, line: int = 0, element: str = "") -> DefinitionRefused:
    """A refusal that carries one finding."""
    finding = Finding("error", rule, message, file, element, line)
    return DefinitionRefused(f"{file}：{message}", findings=[finding])


def parse(data: bytes, file: str) -> etree._Element:
    """XML bytes → root element; `sourceline` of every element is kept.

    Raises `DefinitionRefused` (with `fields["findings"]`) for anything that is not plain, small, well-formed XML.
    """
    if len(data) > MAX_BYTES:
        raise refused("xml_size", "文件超过 2 MB，请拆分成几张图后再上传。", file)
    if not data.strip():
        raise refused("xml_syntax", "文件是空的，请重新导出后再上传。", file)
    try:
        root = etree.fromstring(data, _parser())
    except (etree.XMLSyntaxError, ValueError, LookupError) as error:
        line = int(getattr(error, "lineno", 0) or 0)
        raise refused(
            "xml_syntax", f"不是完整的 XML 文件（{_reason(error)}），请重新导出后再上传。", file, line
        ) from None
    document = root.getroottree().docinfo
    if document.internalDTD is not None or document.externalDTD is not None or document.doctype:
        raise refused("xml_doctype", "文件中有 DOCTYPE 声明，不允许。请删去该声明后再上传。", file, 1)
    if (document.encoding or "UTF-8").upper() not in _ENCODINGS:
        raise refused("xml_encoding", "文件编码不受支持，请以 UTF-8 保存后再上传。", file, 1)
    _bounded(root, file)
    return root


def _reason(error: Exception) -> str:
    """Where the parser gave up, and its own words for those who make tools."""
    place = re.search(r"line (\d+), column (\d+)", str(error))
    where = f"从第 {place[1]} 行第 {place[2]} 列起读不懂：" if place else ""
    words = str(getattr(error, "msg", "") or error)
    return where + " ".join(re.sub(r", line \d+, column \d+.*", "", words, flags=re.DOTALL).split())[:160]


def _bounded(root: etree._Element, file: str) -> None:
    """Refuse trees that are too deep or too many; one walk, no recursion."""
    depth = count = 0
    for event, element in etree.iterwalk(root, events=("start", "end")):
        if event == "end":
            depth -= 1
            continue
        depth += 1
        count += 1
        if depth > MAX_DEPTH:
            line = element.sourceline or 0
            raise refused("xml_depth", f"嵌套超过 {MAX_DEPTH} 层，请把内层画成单独的流程再调用。", file, line)
        if count > MAX_ELEMENTS:
            raise refused("xml_size", "文件内容过多，请拆分成几张图后再上传。", file)
