from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import requests
from lxml import etree

from tests.sandbox.twentyfour.wsdl import Wsdl

SOAP = "{http://schemas.xmlsoap.org/wsdl/soap/}"
XSI = 'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"'
ENVELOPE = {"1.1": "http://schemas.xmlsoap.org/soap/envelope/", "1.2": "http://www.w3.org/2003/05/soap-envelope"}
APPLICATION = "<ApplicationId>11111111-2222-3333-4444-555555555555</ApplicationId>"


Json = Any


class Clock:
    """Advances by a second whenever it is read, unless it is stopped."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        self.now = datetime(2026, 3, 17, 12, 0, tzinfo=UTC)
        self.step = timedelta(seconds=1)

    def __call__(self) -> datetime:
        self.now += self.step
        return self.now


@dataclass(frozen=True)
class Operation:
    """Where and how an operation is called, by the WSDL."""

    name: str
    path: str
    namespace: str
    action: str
    wsdl: Wsdl


def operations(folder: Path) -> dict[str, Operation]:
    return {one.name: one for path in sorted(folder.glob("*.wsdl")) for one in _operations(Wsdl(path))}


def _operations(wsdl: Wsdl) -> list[Operation]:
    [address] = wsdl.root.iter(f"{SOAP}address")
    path = urlsplit(address.get("location", "")).path
    return [
        Operation(name=name, path=path, namespace=wsdl.namespace, action=action, wsdl=wsdl)
        for name, action in wsdl.bindings()
    ]


class Answer:
    """A part of a response: ``answer["Name"]`` is a text in it, ``"Name" in answer`` says whether it exists."""

    def __init__(self, element: etree._Element) -> None:
        self._element = element

    def __getitem__(self, path: str) -> str:
        found = self._element.find(f".//{path}")
        assert found is not None, etree.tostring(self._element)
        return found.text or ""

    def __contains__(self, path: str) -> bool:
        return self._element.find(f".//{path}") is not None

    def text(self, path: str) -> str:
        """Return a text, empty if the response leaves it out."""
        return self._element.findtext(f".//{path}", "")

    def parts(self) -> dict[str, str]:
        """Return all of its parts."""
        return {str(part.tag): part.text or "" for part in self._element}

    def all(self, path: str) -> list[Answer]:
        return [Answer(found) for found in self._element.iterfind(f".//{path}")]


@dataclass
class SoapClient:
    """Calls 24SevenOffice with handwritten XML, and validates each response by the contract."""

    url: str
    operations: dict[str, Operation]
    clock: Clock
    http: requests.Session

    def post(
        self, name: str, inner: str = "", *, version: str = "1.1", action: str | None = None, element: str = ""
    ) -> requests.Response:
        operation = self.operations[name]
        action = operation.action if action is None else action
        headers = {"Content-Type": "text/xml; charset=utf-8", "SOAPAction": f'"{action}"'}
        if version == "1.2":
            parameter = f'; action="{action}"' if action else ""
            headers = {"Content-Type": f"application/soap+xml; charset=utf-8{parameter}"}
        request = element or f'<{name} xmlns="{operation.namespace}" {XSI}>{inner}</{name}>'
        body = f'<s:Envelope xmlns:s="{ENVELOPE[version]}"><s:Body>{request}</s:Body></s:Envelope>'
        return self.http.post(self.url + operation.path, body.encode(), headers=headers, timeout=10)

    def call(self, name: str, inner: str = "", **how: Any) -> Answer:
        """Call an operation and return its response, which is valid and has nothing that .NET leaves out."""
        response = self.post(name, inner, **how)
        version = how.get("version", "1.1")
        assert response.status_code == 200, response.text
        [answer] = etree.fromstring(response.content).findall(f"{{{ENVELOPE[version]}}}Body/*")
        wsdl = self.operations[name].wsdl
        wsdl.schema.assertValid(answer)
        assert etree.QName(answer).localname == f"{name}Response"
        assert wsdl.defaults_in(answer) == []
        return Answer(without_namespaces(answer))

    def fault(self, name: str, inner: str = "") -> str:
        """Call an operation that responds with a fault, and return the last part of its message."""
        response = self.post(name, inner)
        assert response.status_code == 500, response.text
        return Answer(etree.fromstring(response.content))["faultstring"].split(" ---> ")[-1]

    def login(self, user: str = "demo", *, password: str = "", identity: str = "") -> str:
        return self.call("Login", credential(user, password=password, identity=identity))["LoginResult"]

    def control(self, method: str, path: str, body: Json = None, *, expect: int = 200) -> Json:
        response = self.http.request(method, self.url + path, json=body, timeout=10)
        assert response.status_code == expect, response.text
        return response.json() if response.content else None

    def records(self, resource: str, *, client: int = 1) -> list[Json]:
        return list(self.control("GET", f"/books/{client}/{resource}"))

    def add_fault(self, operation: str, kind: str, **more: Json) -> None:
        self.control("POST", "/faults", {"operation": operation, "kind": kind, **more}, expect=201)

    def save_company(self, inner: str = "<Name>Kunde AS</Name><Type>Business</Type>") -> Answer:
        return self.call("SaveCompanies", f"<companies><Company>{inner}</Company></companies>")

    def save_vouchers(
        self, *vouchers: str, year: int = 2026, options: str = "<SaveOption>0</SaveOption>"
    ) -> Answer:
        bundle = f"<Bundle><YearId>{year}</YearId><Vouchers>{''.join(vouchers)}</Vouchers></Bundle>"
        return self.call("SaveBundleList", f"<BundleList><Bundles>{bundle}</Bundles>{options}</BundleList>")

    def refusal(
        self, *vouchers: str, year: int = 2026, options: str = "<SaveOption>0</SaveOption>"
    ) -> tuple[str, str]:
        answer = self.save_vouchers(*vouchers, year=year, options=options)
        return answer["Type"], answer["Description"]


def without_namespaces(element: etree._Element) -> etree._Element:
    for part in element.iter(etree.Element):
        part.tag = etree.QName(part).localname
    return element


def credential(user: str = "demo", *, password: str = "", identity: str = "") -> str:
    chosen = f"<IdentityId>{identity}</IdentityId>" if identity else ""
    return (
        f"<credential>{APPLICATION}{chosen}<Password>{password or f'{user}-password'}</Password>"
        f"<Username>{user}@example.com</Username></credential>"
    )


def entry(
    account: int,
    amount: str,
    more: str = "",
    *,
    at: str = "2026-03-17T00:00:00",
    due: str = "0001-01-01T00:00:00",
    customer: int = 10001,
) -> str:
    return (
        f"<Entry><CustomerId>{customer}</CustomerId><AccountNo>{account}</AccountNo><Date>{at}</Date>"
        f"<DueDate>{due}</DueDate><Amount>{amount}</Amount>{more}</Entry>"
    )


def voucher(number: int, *entries: str, sort: int = 11) -> str:
    lines = "".join(entries or (entry(1500, "125.00"), entry(3000, "-125.00")))
    return (
        f"<Voucher><TransactionNo>{number}</TransactionNo><Entries>{lines}</Entries><Sort>{sort}</Sort></Voucher>"
    )
