"""What the WSDL of a service says, put to use: requests are held against it, and answers are written by it."""

from base64 import b64encode
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

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
    "guid": "00000000-0000-0000-0000-000000000000",
}
"""The values that .NET has where there is none: so they are sent, and so they are understood."""


def _decimal(text: str) -> Decimal:
    value = Decimal(text)
    if abs(value) > -UNSET["decimal"]:
        raise ValueError("Value was either too large or too small for a Decimal.")
    return value


READERS: dict[str, Callable[[str], Value]] = {
    "int": int,
    "short": int,
    "long": int,
    "unsignedByte": int,
    "decimal": _decimal,
    "boolean": lambda text: text in {"true", "1"},
    "dateTime": datetime.fromisoformat,
}
"""How a value in a request is read by its type; every other type is text."""


class InvalidRequestError(Exception):
    """The request is not what the contract says."""


@dataclass(frozen=True, slots=True)
class Field:
    """One element in a sequence."""

    name: str
    type: str
    optional: bool
    nillable: bool
    many: bool


class Contract:
    """One service's WSDL.

    ``actions`` leads from each SOAPAction to the name of its operation.
    """

    def __init__(self, path: Path) -> None:
        root = etree.parse(path).getroot()
        schemas = list(root.iter(f"{XSD}schema"))
        self.namespace = root.get("targetNamespace", "")
        self.actions = dict(_actions(root))
        self._schema = _validator(schemas)
        self._types = {
            node.get("name", ""): [
                _field(element) for element in node.iter(f"{XSD}element") if element is not node
            ]
            for schema in schemas
            for node in schema
            if node.tag in {f"{XSD}element", f"{XSD}complexType"}
        }

    def read(self, name: str, element: etree._Element) -> Fields:
        """Read the request ``name``; what is unset is left out.

        Raises:
            InvalidRequestError: it is another element, or the vendor's schema would refuse it.
        """
        if element.tag != f"{{{self.namespace}}}{name}":
            raise InvalidRequestError(
                f"({element.sourceline}, 1). ---> Instance validation error: {name} was expected."
            )
        if not self._schema.validate(element):
            error = self._schema.error_log[0]
            raise InvalidRequestError(
                f"({error.line}, {error.column}). ---> Instance validation error: {error.message}"
            )
        fields: Fields = self._read_type(element, name)
        return fields

    def _read_type(self, element: etree._Element, name: str) -> Value:
        fields = {field.name: field for field in self._types[name]}
        values = [
            (field, self._read_value(child, field))
            for child in element.iterchildren(tag=etree.Element)
            if (field := fields[etree.QName(child).localname])
        ]
        if any(field.many for field in fields.values()):
            return [value for _, value in values if value is not None]
        return {field.name: value for field, value in values if value is not None}

    def _read_value(self, element: etree._Element, field: Field) -> Value:
        if element.get(NIL) in {"true", "1"}:
            return None
        if field.type in self._types:
            return self._read_type(element, field.type)
        text = element.text or ""
        try:
            value = READERS[field.type](text.strip()) if field.type in READERS else text
        except ValueError as error:
            raise InvalidRequestError(
                f"({element.sourceline}, 1). ---> Instance validation error: {error}"
            ) from error
        return None if value == UNSET.get(field.type) else value

    def write(self, name: str, value: Value) -> etree._Element:
        """Write the element ``name`` of the contract, with .NET's placeholders where a value is unset."""
        element = etree.Element(f"{{{self.namespace}}}{name}", nsmap={None: self.namespace, "xsi": NIL[1:-4]})
        self._write_type(element, name, value)
        return element

    def _write_type(self, element: etree._Element, name: str, value: Value) -> None:
        for field in self._types[name]:
            for item in value if field.many else [value.get(field.name)]:
                self._write_field(element, field, item)

    def _write_field(self, parent: etree._Element, field: Field, value: Value) -> None:
        tag = f"{{{self.namespace}}}{field.name}"
        if value is None and field.nillable:
            etree.SubElement(parent, tag, {NIL: "true"})
        elif value is not None and field.type in self._types:
            self._write_type(etree.SubElement(parent, tag), field.type, value)
        elif value is not None or field.type in UNSET:
            etree.SubElement(parent, tag).text = _text(UNSET[field.type] if value is None else value)
        elif not field.optional:
            raise LookupError(f"{field.name} is required in the answer and has no value")


def _actions(root: etree._Element) -> Iterable[tuple[str, str]]:
    for operation in root.iterfind(f"{WSDL}binding/{WSDL}operation"):
        soap = operation.find(f"{SOAP}operation")
        if soap is not None:
            yield soap.get("soapAction", ""), operation.get("name", "")


def _field(element: etree._Element) -> Field:
    return Field(
        name=element.get("name", ""),
        type=element.get("type", "").rpartition(":")[2],
        optional=element.get("minOccurs") == "0",
        nillable=element.get("nillable") == "true",
        many=element.get("maxOccurs") == "unbounded",
    )


class _Inside(etree.Resolver):
    """Finds the schemas that stand inside a WSDL, by their place in it."""

    def __init__(self, schemas: list[etree._Element]) -> None:
        self._schemas = [etree.tostring(schema) for schema in schemas]

    def resolve(self, system_url: str | None, _public_id: str | None, context: Any) -> Any:  # noqa: ANN401 (lxml's own)
        place = int((system_url or "").rpartition("/")[2])
        return self.resolve_string(self._schemas[place], context)


def _validator(schemas: list[etree._Element]) -> etree.XMLSchema:
    parser = etree.XMLParser()
    parser.resolvers.add(_Inside(schemas))
    imports = "".join(
        f'<xsd:import namespace="{schema.get("targetNamespace")}" schemaLocation="wsdl:///{place}"/>'
        for place, schema in enumerate(schemas)
    )
    return etree.XMLSchema(etree.fromstring(f'<xsd:schema xmlns:xsd="{XSD[1:-1]}">{imports}</xsd:schema>', parser))


def _text(value: Value) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case Decimal():
            return f"{value:f}"
        case bytes():
            return b64encode(value).decode()
        case datetime() if value.tzinfo:
            return value.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="milliseconds")
        case date():
            return value.isoformat()
        case _:
            return str(value)
