"""Strict validation of our client's requests by the WSDL: 24SevenOffice accepts more than the WSDL does."""

from lxml import etree
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sandbox.twentyfour import soap
from sandbox.twentyfour.soap import SoapFaultError
from tests.sandbox.twentyfour.wsdl import Wsdl

BODY = f"{{{soap.ENVELOPE['1.1']}}}Body"


def strict(app: ASGIApp, wsdls: list[Wsdl]) -> ASGIApp:
    """Respond to an invalid call with a fault: wrong order, missing or extra elements."""

    async def checked(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not scope["path"].endswith(".asmx"):
            await app(scope, receive, send)
            return
        first = await receive()
        pieces = [first]
        while pieces[-1].get("more_body"):
            pieces.append(await receive())
        if problem := problem_of(b"".join(piece.get("body", b"") for piece in pieces), wsdls):
            fault = soap.wrap_fault(SoapFaultError(problem, code="Client"), version="1.1")
            await Response(fault, 500, media_type=soap.MEDIA_TYPE["1.1"])(scope, receive, send)
            return

        async def again() -> Message:
            return pieces.pop(0) if pieces else await receive()

        await app(scope, again, send)

    return checked


def problem_of(body: bytes, wsdls: list[Wsdl]) -> str:
    """Return what is invalid in a request, empty if nothing is."""
    requests = etree.fromstring(body).findall(f"{BODY}/*")
    operations = {name: wsdl for wsdl in wsdls for name, _ in wsdl.bindings()}
    for request in requests:
        wsdl = operations[etree.QName(request).localname]
        if not wsdl.schema.validate(request):
            return f"Not what the WSDL asks for: {wsdl.schema.error_log[0].message}"
    return "" if len(requests) == 1 else "Not one request"
