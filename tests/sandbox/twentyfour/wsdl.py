"""A WSDL for validating messages, read without the sandbox's own code."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from lxml import etree

XSD = "{http://www.w3.org/2001/XMLSchema}"
WSDL = "{http://schemas.xmlsoap.org/wsdl/}"


class Wsdl:
    """``schema`` says what is valid: order, required parts, nothing unknown."""

    def __init__(self, path: Path) -> None:
        self.root = etree.parse(path).getroot()
        self.namespace = self.root.get("targetNamespace", "")
        schemas = list(self.root.iter(f"{XSD}schema"))
        self.schema = _schema(schemas)
        self._types = {
            node.get("name", ""): {each.get("name", ""): each for each in node.iter(f"{XSD}element")}
            for schema in schemas
            for node in schema
            if node.tag in {f"{XSD}element", f"{XSD}complexType"}
        }

    def bindings(self) -> Iterator[tuple[str, str]]:
        """Yield each operation with its SOAPAction."""
        for operation in self.root.iterfind(f"{WSDL}binding/{WSDL}operation"):
            yield operation.get("name", ""), operation[0].get("soapAction", "")

    def walk(self, element: etree._Element, type_: str = "") -> Iterator[tuple[etree._Element, etree._Element]]:
        """Yield each part of a valid message with its declaration."""
        declared = self._types.get(type_ or etree.QName(element).localname, {})
        for child in element:
            declaration = declared[etree.QName(child).localname]
            yield child, declaration
            yield from self.walk(child, declaration.get("type", "").partition(":")[2])

    def paths(self, name: str, type_: str = "") -> Iterator[str]:
        """Yield the path of each part that a message may have."""
        for part, declaration in self._types.get(type_ or name, {}).items():
            if declaration.get("name") != name or type_:
                yield f"{name}/{part}"
                inside = self.paths(part, declaration.get("type", "").partition(":")[2] or "none")
                yield from (f"{name}/{path}" for path in inside)

    def defaults_in(self, message: etree._Element) -> list[str]:
        """Return the parts of a message that .NET would leave out, as they are equal to their default."""
        return [
            str(part.tag)
            for part, declaration in self.walk(message)
            if not len(part) and (part.text or "") == declaration.get("default")
        ]


class _Inside(etree.Resolver):
    """Resolves the schemas inside a WSDL, by their place in it."""

    def __init__(self, schemas: list[etree._Element]) -> None:
        self._schemas = [etree.tostring(schema) for schema in schemas]

    def resolve(self, system_url: str | None, _public_id: str | None, context: Any) -> Any:
        place = int((system_url or "").rpartition("/")[2])
        return self.resolve_string(self._schemas[place], context)


def _schema(schemas: list[etree._Element]) -> etree.XMLSchema:
    parser = etree.XMLParser()
    parser.resolvers.add(_Inside(schemas))
    imports = "".join(
        f'<xsd:import namespace="{schema.get("targetNamespace")}" schemaLocation="wsdl:///{place}"/>'
        for place, schema in enumerate(schemas)
    )
    return etree.XMLSchema(etree.fromstring(f'<xsd:schema xmlns:xsd="{XSD[1:-1]}">{imports}</xsd:schema>', parser))
