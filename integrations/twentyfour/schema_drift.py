"""Adapts responses to our WSDL before zeep reads them, because 24SevenOffice adds elements without a new version.

zeep fails on an unknown element, or loses what follows it. So unknown elements are removed, known ones put in
order, and each is logged once, up to a limit a day. Values that .NET writes for "not set" become None, and texts
that are too long are cut.
"""

import time
from collections.abc import Mapping
from functools import cache
from typing import Any, TypeAlias

import structlog
from lxml import etree
from zeep import Plugin
from zeep.xsd import ComplexType

from integrations.twentyfour.error_mapping import UnreadableError
from sync.error_codes.names import TOO_MANY_WARNINGS

log = structlog.get_logger()

Definition: TypeAlias = Any  # a part of the WSDL as zeep holds it, which has no type hints
Schema: TypeAlias = Mapping[Any, tuple[int, Definition]]  # the elements of a type by name, each with its position

ENVELOPE = "http://schemas.xmlsoap.org/soap/envelope/"
XSI_TYPE = "{http://www.w3.org/2001/XMLSchema-instance}type"
MAX_WARNINGS_PER_DAY = 20
DAY = 24 * 3600.0  # seconds
MAX_ELEMENT_LENGTH = 100
XSI_NIL = "{http://www.w3.org/2001/XMLSchema-instance}nil"
MAX_TEXT_LENGTH = 4000  # of a field; the longest in 24SevenOffice has a few hundred
NOT_SET = {
    "int": "-2147483648",
    "short": "-32768",
    "decimal": "-79228162514264337593543950335",
    "dateTime": "0001-01-01",
    "guid": "00000000-0000-0000-0000-000000000000",
}


class SchemaDrift(Plugin):
    """A zeep plugin that repairs responses; zeep calls it for every response that is XML."""

    def __init__(self) -> None:
        self._reported: set[tuple[str, str]] = set()
        self._day, self._warnings = time.monotonic(), 0

    def ingress(
        self, envelope: etree._Element, http_headers: object, operation: Definition
    ) -> tuple[etree._Element, object]:
        """Repair one response. Raises UnreadableError if it is another operation's, or an item is nil."""
        response = next(envelope.iterfind(f"{{{ENVELOPE}}}Body/{{*}}*"), None)
        expected = operation.output.body
        if response is None or response.tag not in {expected.qname.text, f"{{{ENVELOPE}}}Fault"}:
            raise UnreadableError(f"not a response of {operation.name}")
        if response.tag == expected.qname.text:
            self._fit(response, expected.type, operation.name)
        return envelope, http_headers

    def _fit(self, node: etree._Element, definition: Definition, operation: str) -> None:
        if not isinstance(definition, ComplexType):
            type_name, text = definition.qname.localname, node.text or ""
            if text.startswith(NOT_SET.get(type_name, "\0")):
                node.text = None
            elif type_name == "string" and len(text) > MAX_TEXT_LENGTH:
                node.text = text[:MAX_TEXT_LENGTH]  # otherwise a name of megabytes is stored and shown
            return
        node.attrib.pop(XSI_TYPE, None)  # no type of our WSDLs is derived from another
        known, seen = _known(definition), set[object]()
        kept: list[etree._Element] = []
        for child in node:
            if child.tag not in known or (child.tag in seen and not known[child.tag][1].accepts_multiple):
                self._report(node, child.tag, operation)
                continue
            seen.add(child.tag)
            kept.append(child)
        ordered = sorted(kept, key=lambda child: known[child.tag][0])
        if ordered != kept:
            self._report(node, "order", operation)
        if ordered != kept or len(kept) != len(node):
            node[:] = ordered
        for child in ordered:
            self._refuse_nil_item(child, known[child.tag][1], operation)
            self._fit(child, known[child.tag][1].type, operation)

    def _refuse_nil_item(self, child: etree._Element, element: Definition, operation: str) -> None:
        """Raise UnreadableError for a list item that is nil: its meaning is unknown."""
        is_item = element.accepts_multiple and isinstance(element.type, ComplexType)
        if is_item and child.get(XSI_NIL, "").strip() in {"true", "1"}:
            name = etree.QName(child).localname
            self._report(child, "nil", operation)
            raise UnreadableError(f"{name} is nil")

    def _report(self, node: etree._Element, tag: object, operation: str) -> None:
        name = str(tag).rpartition("}")[2][:MAX_ELEMENT_LENGTH]
        drift = (operation, f"{etree.QName(node).localname}/{name}")
        if drift not in self._reported and self._may_warn(operation):
            self._reported.add(drift)
            log.warning("schema_drift", operation=operation, element=drift[1])

    def _may_warn(self, operation: str) -> bool:
        """Count a warning; the first one above the daily limit says that there are more."""
        now = time.monotonic()
        if now - self._day >= DAY:
            self._day, self._warnings = now, 0
        self._warnings += 1
        if self._warnings == MAX_WARNINGS_PER_DAY + 1:
            log.warning("schema_drift_goes_on", operation=operation, error_code=TOO_MANY_WARNINGS)
        return self._warnings <= MAX_WARNINGS_PER_DAY


@cache
def _known(definition: Definition) -> Schema:
    return {element.qname.text: (index, element) for index, (_, element) in enumerate(definition.elements)}
