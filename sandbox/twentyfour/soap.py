"""SOAP 1.1 and 1.2 as ASP.NET implements them: envelopes, actions and faults."""

from lxml import etree
from starlette.datastructures import Headers

ENVELOPE = {"1.1": "http://schemas.xmlsoap.org/soap/envelope/", "1.2": "http://www.w3.org/2003/05/soap-envelope"}
MEDIA_TYPE = {"1.1": "text/xml; charset=utf-8", "1.2": "application/soap+xml; charset=utf-8"}


class SoapFaultError(Exception):
    """The response is a fault with this message; ``code`` says whose fault it is, ``Server`` or ``Client``."""

    def __init__(self, message: str, *, code: str = "Server") -> None:
        super().__init__(message)
        self.code = code

    @property
    def text(self) -> str:
        """The message as ASP.NET nests it: what matters comes last."""
        return f"Server was unable to {'read' if self.code == 'Client' else 'process'} request. ---> {self}"


def version_of(headers: Headers) -> str:
    return "1.2" if headers.get("content-type", "").startswith("application/soap+xml") else "1.1"


def action_of(headers: Headers) -> str:
    """Return the SOAPAction of a request; in SOAP 1.2 it is an optional parameter of the media type."""
    if version_of(headers) == "1.1":
        return headers.get("soapaction", "").strip('" ')
    return headers["content-type"].partition("action=")[2].partition(";")[0].strip('" ')


def name_of(request: etree._Element) -> str:
    return etree.QName(request).localname


def unwrap(body: bytes, *, version: str) -> etree._Element:
    """Return the request in an envelope.

    Raises:
        SoapFaultError: the body is not an envelope with one request in it.
    """
    try:
        root = etree.fromstring(
            body, etree.XMLParser(resolve_entities=False, remove_comments=True, remove_pis=True)
        )
    except etree.XMLSyntaxError as error:
        raise SoapFaultError(f"There is an error in XML document. ---> {error}", code="Client") from error
    requests = root.findall(f"{{{ENVELOPE[version]}}}Body/*")
    if len(requests) != 1:
        raise SoapFaultError(
            f"There is an error in XML document. ---> No SOAP {version} request in it", code="Client"
        )
    return requests[0]


def wrap(response: etree._Element, *, version: str) -> bytes:
    envelope = etree.Element(f"{{{ENVELOPE[version]}}}Envelope", nsmap={"soap": ENVELOPE[version]})
    etree.SubElement(envelope, f"{{{ENVELOPE[version]}}}Body").append(response)
    return etree.tostring(envelope, xml_declaration=True, encoding="utf-8")


def wrap_fault(fault: SoapFaultError, *, version: str) -> bytes:
    space = f"{{{ENVELOPE[version]}}}"
    element = etree.Element(f"{space}Fault", nsmap={"soap": ENVELOPE[version]})
    if version == "1.1":
        etree.SubElement(element, "faultcode").text = f"soap:{fault.code}"
        etree.SubElement(element, "faultstring").text = fault.text
        etree.SubElement(element, "detail")
    else:
        code = etree.SubElement(element, f"{space}Code")
        etree.SubElement(code, f"{space}Value").text = f"soap:{'Sender' if fault.code == 'Client' else 'Receiver'}"
        reason = etree.SubElement(element, f"{space}Reason")
        language = {"{http://www.w3.org/XML/1998/namespace}lang": "en"}
        etree.SubElement(reason, f"{space}Text", language).text = fault.text
    return wrap(element, version=version)
