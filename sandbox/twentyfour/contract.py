"""Reading requests and writing responses by the WSDL of a service, as .NET does.

.NET's serializer is more lenient than a schema. It accepts elements in any order, takes the first of two, skips
unknown ones, and has a default for each missing one. It refuses values that it cannot hold. It does not write an
element that is equal to its default.
"""

import re
from base64 import b64encode
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from uuid import UUID

from lxml import etree

from sandbox.twentyfour.state import Fields, Value

XSD = "{http://www.w3.org/2001/XMLSchema}"
WSDL = "{http://schemas.xmlsoap.org/wsdl/}"
SOAP = "{http://schemas.xmlsoap.org/wsdl/soap/}"
NIL = "{http://www.w3.org/2001/XMLSchema-instance}nil"

UNSET: dict[str, Value] = {
    "int": -(2**31),
    "short": -(2**15),
    "long": -(2**63),
    "decimal": Decimal(-79228162514264337593543950335),
    "dateTime": datetime.fromisoformat("0001-01-01T00:00:00"),
    "date": date(1, 1, 1),
    "guid": str(UUID(int=0)),
}
"""24SevenOffice's values for "not set": sent and understood like that."""

ZERO: dict[str, Value] = {
    "int": 0,
    "short": 0,
    "long": 0,
    "unsignedByte": 0,
    "decimal": Decimal(),
    "boolean": False,
    "dateTime": UNSET["dateTime"],
    "guid": UNSET["guid"],
}
""".NET's values if a request leaves out a required element."""


class InvalidRequestError(Exception):
    """The request has a value that .NET cannot read."""


def _whole(lowest: int, highest: int) -> Callable[[str], int]:
    def read(text: str) -> int:
        if not re.fullmatch(r"[+-]?[0-9]+", text):
            raise ValueError(MISSHAPEN)
        if not lowest <= int(text) <= highest:
            raise ValueError("Value was either too large or too small.")
        return int(text)

    return read


def _decimal(text: str) -> Decimal:
    if not re.fullmatch(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)", text):
        raise ValueError(MISSHAPEN)
    value = Decimal(text)
    if abs(value) > -UNSET["decimal"]:
        raise ValueError("Value was either too large or too small for a Decimal.")
    return value


def _truth(text: str) -> bool:
    if text not in TRUTHS:
        raise ValueError(f"The string '{text}' is not a valid Boolean value.")
    return TRUTHS[text]


def _moment(text: str) -> datetime:
    """Read a date with a time, or a day, which is its midnight."""
    if not re.fullmatch(MOMENT, text):
        raise ValueError(f"The string '{text}' is not a valid AllXsd value.")
    return datetime.fromisoformat(text)


def _guid(text: str) -> str:
    try:
        return str(UUID(text))
    except ValueError:
        raise ValueError("Guid should contain 32 digits with 4 dashes.") from None


MISSHAPEN = "Input string was not in a correct format."
TRUTHS = {"true": True, "1": True, "false": False, "0": False}
MOMENT = re.compile(r"\d{4}-\d\d-\d\d(T\d\d:\d\d:\d\d(\.\d{1,7})?)?(Z|[+-]\d\d:\d\d)?", re.ASCII)
READERS: dict[str, Callable[[str], Value]] = {
    "int": _whole(-(2**31), 2**31 - 1),
    "short": _whole(-(2**15), 2**15 - 1),
    "long": _whole(-(2**63), 2**63 - 1),
    "unsignedByte": _whole(0, 255),
    "decimal": _decimal,
    "boolean": _truth,
    "dateTime": _moment,
    "date": lambda text: _moment(text).date(),
    "guid": _guid,
}
"""How a value is read by its type; every other type is text."""


@dataclass(frozen=True, slots=True)
class Field:
    """One element in a sequence; ``default`` is the value that is not written."""

    name: str
    type: str
    optional: bool
    nillable: bool
    many: bool
    default: Value


class Contract:
    """One service's WSDL. ``actions`` maps each SOAPAction to the name of its operation."""

    def __init__(self, path: Path) -> None:
        root = etree.parse(path).getroot()
        self.namespace = root.get("targetNamespace", "")
        self.actions = dict(_actions(root))
        named = [node for schema in root.iter(f"{XSD}schema") for node in schema]
        self._choices = {
            node.get("name", ""): [choice.get("value", "") for choice in node.iter(f"{XSD}enumeration")]
            for node in named
            if node.find(f".//{XSD}enumeration") is not None
        }
        self._types = {
            node.get("name", ""): [
                _field(element) for element in node.iter(f"{XSD}element") if element is not node
            ]
            for node in named
            if node.tag in {f"{XSD}element", f"{XSD}complexType"}
        }

    def read(self, name: str, element: etree._Element) -> Fields:
        """Read the request ``name``, without unset values. Any other element is a request without arguments.

        Raises:
            InvalidRequestError: .NET cannot hold a value in it.
        """
        expected = f"{{{self.namespace}}}{name}"
        fields: Fields = self._read_type(element if element.tag == expected else etree.Element(expected), name)
        return fields

    def _read_type(self, element: etree._Element, name: str) -> Value:
        fields = self._types[name]
        children: dict[str, list[etree._Element]] = {}
        for child in element.iterchildren(tag=etree.Element):
            children.setdefault(str(child.tag), []).append(child)
        for field in fields:
            if field.many:
                found = children.get(self._tag(field), [])
                return [value for child in found if (value := self._read_value(child, field)) is not None]
        read = {field.name: self._read_first(children.get(self._tag(field), ()), field) for field in fields}
        return {field: value for field, value in read.items() if value is not None}

    def _tag(self, field: Field) -> str:
        return f"{{{self.namespace}}}{field.name}"

    def _read_first(self, found: Sequence[etree._Element], field: Field) -> Value:
        """Read the first of the elements for a field, or without any, .NET's default."""
        if found:
            value = self._read_value(found[0], field)
            return None if field.optional and value == UNSET.get(field.type) else value
        if field.optional or field.nillable:
            return None
        return self._choices[field.type][0] if field.type in self._choices else ZERO.get(field.type)

    def _read_value(self, element: etree._Element, field: Field) -> Value:
        """Read one element; a value that is nil or equal to its default is None."""
        empty = not len(element) and not element.text
        is_nil = element.get(NIL) in {"true", "1"}
        if (is_nil and field.nillable) or (empty and field.default is not None):
            return None
        if field.type in self._types:
            return self._read_type(element, field.type)
        try:
            value = self._value(element.text or "", field)
        except ValueError as error:
            raise InvalidRequestError(f"({element.sourceline}, 1). ---> {error}") from error
        return None if value == field.default else value

    def _value(self, text: str, field: Field) -> Value:
        choices = self._choices.get(field.type)
        if choices and text not in choices:
            raise ValueError(f"Instance validation error: '{text}' is not a valid value for {field.type}.")
        return READERS[field.type](text.strip()) if field.type in READERS else text

    def write(self, name: str, value: Mapping[str, Value]) -> etree._Element:
        """Write the element ``name`` of the contract as .NET does, without values equal to their default."""
        element = etree.Element(f"{{{self.namespace}}}{name}", nsmap={None: self.namespace, "xsi": NIL[1:-4]})
        self._write_type(element, name, value)
        return element

    def _write_type(self, element: etree._Element, name: str, value: Value) -> None:
        for field in self._types[name]:
            for item in value if field.many else [value.get(field.name)]:
                self._write_field(element, field, item)

    def _write_field(self, parent: etree._Element, field: Field, value: Value) -> None:
        if field.default is not None and value in {None, field.default}:
            return
        tag = self._tag(field)
        if value is None and field.nillable and not field.optional:
            etree.SubElement(parent, tag, {NIL: "true"})
        elif value is not None and field.type in self._types:
            self._write_type(etree.SubElement(parent, tag), field.type, value)
        elif value is not None:
            etree.SubElement(parent, tag).text = _text(value)
        elif not field.optional:
            etree.SubElement(parent, tag).text = _text(UNSET[field.type])


def _actions(root: etree._Element) -> Iterable[tuple[str, str]]:
    for operation in root.iterfind(f"{WSDL}binding/{WSDL}operation"):
        soap = operation.find(f"{SOAP}operation")
        if soap is not None:
            yield soap.get("soapAction", ""), operation.get("name", "")


def _field(element: etree._Element) -> Field:
    kind = element.get("type", "").rpartition(":")[2]
    default = element.get("default")
    return Field(
        name=element.get("name", ""),
        type=kind,
        optional=element.get("minOccurs") == "0",
        nillable=element.get("nillable") == "true",
        many=element.get("maxOccurs") == "unbounded",
        default=READERS[kind](default) if default is not None and kind in READERS else default,
    )


def _text(value: Value) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case Decimal():
            return f"{value:f}"
        case bytes():
            return b64encode(value).decode()
        case datetime():
            moment = (value.astimezone(UTC).replace(tzinfo=None) if value.tzinfo else value).isoformat()
            return moment.rstrip("0") if "." in moment else moment
        case date():
            return value.isoformat()
        case _:
            return str(value)
