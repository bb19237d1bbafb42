"""Responses in other forms that .NET may write: the sandbox does not write them, and our client must read them.

The sandbox leaves out values equal to their default, as .NET does. A .NET service may also leave out an empty
list, write a day with the offset of its zone, Helsinki, and an instant with seven digits of a second.
"""

import re
from datetime import datetime
from http import HTTPStatus
from zoneinfo import ZoneInfo

from lxml import etree
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tests.sandbox.twentyfour.wsdl import Wsdl

SOAP = "{http://schemas.xmlsoap.org/soap/envelope/}"
XSD = "http://www.w3.org/2001/XMLSchema"
NAMESPACES = {"soap": SOAP[1:-1], "xsi": f"{XSD}-instance", "xsd": XSD}
HELSINKI = ZoneInfo("Europe/Helsinki")


def as_dotnet(app: ASGIApp, wsdls: list[Wsdl]) -> ASGIApp:
    """Rewrite the complete responses of an app; one that breaks off is passed on as it is."""

    async def rewritten(scope: Scope, receive: Receive, send: Send) -> None:
        held: list[Message] = []

        async def pass_on(message: Message) -> None:
            if message["type"] == "http.response.start":
                held.append(message)
                return
            if held:
                start = held.pop()
                if start["status"] == HTTPStatus.OK and not message.get("more_body"):
                    message = {**message, "body": rewrite(message["body"], wsdls)}
                    length = (b"content-length", b"%d" % len(message["body"]))
                    kept = [header for header in start["headers"] if header[0] != b"content-length"]
                    start = {**start, "headers": [*kept, length]}
                await send(start)
            await send(message)

        await app(scope, receive, pass_on)

    return rewritten


def rewrite(answer: bytes, wsdls: list[Wsdl]) -> bytes:
    """Rewrite a response of an operation; anything else stays as it is."""
    if not answer.startswith(b"<?xml") or (found := etree.fromstring(answer).find(f"{SOAP}Body/{{*}}*")) is None:
        return answer
    operation = etree.QName(found).localname.removesuffix("Response")
    wsdl = next(each for each in wsdls if operation in dict(each.bindings()))
    for part, declaration in reversed(list(wsdl.walk(found))):
        _rewrite(part, declaration)
    wsdl.schema.assertValid(found)
    assert wsdl.defaults_in(found) == []
    envelope = etree.Element(f"{SOAP}Envelope", nsmap=NAMESPACES)
    etree.SubElement(envelope, f"{SOAP}Body").append(found)
    return etree.tostring(envelope, xml_declaration=True, encoding="utf-8")


def _rewrite(part: etree._Element, declaration: etree._Element) -> None:
    parent = part.getparent()
    assert parent is not None
    if not len(part) and declaration.get("type", "").startswith("tns:ArrayOf"):
        parent.remove(part)
    elif declaration.get("type") == "xsd:dateTime":
        part.text = _moment(part.text or "")


def _moment(text: str) -> str:
    if text.endswith("T00:00:00"):
        return datetime.fromisoformat(text).replace(tzinfo=HELSINKI).isoformat()
    whole, _, fraction = text.partition(".")
    assert re.fullmatch(r"[0-9T:-]{19}", whole)
    return f"{whole}.{fraction:0<6}7"
