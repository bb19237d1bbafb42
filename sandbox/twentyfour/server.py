"""The SOAP server: it applies limits, contract, session, operation, and the contract again, in this order."""

import re
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from lxml import etree
from starlette.requests import Request
from starlette.responses import Response

from sandbox.faults import Fault
from sandbox.twentyfour import soap
from sandbox.twentyfour.contract import Contract, InvalidRequestError
from sandbox.twentyfour.limits import Limits, TooManyRequestsError
from sandbox.twentyfour.operations import SERVICES
from sandbox.twentyfour.sessions import COOKIE, ServiceCall, Sessions
from sandbox.twentyfour.soap import SoapFaultError
from sandbox.twentyfour.state import Fields, State, Value

DATABASE_EXCEPTION: Fields = {
    "Type": "Office24Seven.Library.Data.DataBaseServerException",
    "Message": "SQL Server encountered an error with severity level 14 of 25",
}
"""The error of a company if the database fails, perhaps after the row was written."""


class SoapServer:
    """All services on one state. The server is synchronous, so calls never overlap.

    ``wsdl`` is the folder with a WSDL for each service, and ``clock`` returns the UTC instant.
    """

    def __init__(self, state: State, *, wsdl: Path, clock: Callable[[], datetime]) -> None:
        self.sessions = Sessions()
        self.limits = Limits()
        self._state = state
        self._clock = clock
        paths = {service.path: next(wsdl.glob(f"{service.name}*.wsdl")) for service in SERVICES}
        self._wsdls = {path: file.read_text() for path, file in paths.items()}
        self._services = {service.path: (service, Contract(paths[service.path])) for service in SERVICES}

    def reset(self) -> None:
        self.sessions = Sessions()
        self.limits = Limits()

    def describe(self, request: Request) -> Response:
        """Return the WSDL of a service, with the address that it was requested at."""
        if "wsdl" not in {name.lower() for name in request.query_params}:
            return Response(status_code=405, headers={"Allow": "POST"})
        service, _ = self._services[request.url.path]
        text = re.sub(r"https://\w+\.invalid(?=/)", str(request.base_url).rstrip("/"), self._wsdls[service.path])
        return Response(text, media_type="text/xml; charset=utf-8")

    def respond(self, request: Request, body: bytes) -> Response:
        now = self._clock()
        try:
            self.limits.spend(now)
            response = self._perform(request, body, now)
        except TooManyRequestsError:
            response = Response("Too Many Requests", 429, media_type="text/plain")
        except SoapFaultError as fault:
            response = fault_response(request, fault)
        response.headers.update(self.limits.headers(now))
        return response

    def _perform(self, request: Request, body: bytes, now: datetime) -> Response:
        service, contract = self._services[request.url.path]
        version = soap.version_of(request.headers)
        element = soap.unwrap(body, version=version)
        operation = _operation(contract, soap.action_of(request.headers), element, version=version)
        fields = _read(contract, operation, element)
        call = self._start_call(request, now, needs_session=service.needs_session)
        result = _perform_or_refuse(
            request.state.fault, operation, fields, lambda: service.operations[operation](call, fields)
        )
        element = contract.write(f"{operation}Response", {f"{operation}Result": result})
        response = Response(soap.wrap(element, version=version), media_type=soap.MEDIA_TYPE[version])
        if call.session_id != request.cookies.get(COOKIE, ""):
            response.set_cookie(COOKIE, call.session_id, httponly=True)
        return response

    def _start_call(self, request: Request, now: datetime, *, needs_session: bool) -> ServiceCall:
        call = ServiceCall(
            self._state, self.sessions, request.cookies.get(COOKIE, ""), now, allowance=self.limits.allowance
        )
        fault = request.state.fault
        if fault and fault.kind == "lose_session":
            self.sessions.forget(call.session_id)
        if needs_session:
            _ = call.client  # raises a fault if there is none
        return call


def fault_response(request: Request, fault: SoapFaultError) -> Response:
    """Return a fault, which has the status of a server error."""
    version = soap.version_of(request.headers)
    return Response(soap.wrap_fault(fault, version=version), 500, media_type=soap.MEDIA_TYPE[version])


def _operation(contract: Contract, action: str, element: etree._Element, *, version: str) -> str:
    """Return the operation of the SOAPAction; without one, SOAP 1.2 uses the body."""
    name = soap.name_of(element)
    if version == "1.2" and not action and name in contract.actions.values():
        return name
    if action not in contract.actions:
        raise SoapFaultError(
            f"Server did not recognize the value of HTTP Header SOAPAction: {action}.", code="Client"
        )
    return contract.actions[action]


def _read(contract: Contract, operation: str, element: etree._Element) -> Fields:
    try:
        return contract.read(operation, element)
    except InvalidRequestError as error:
        raise SoapFaultError(f"There is an error in XML document {error}", code="Client") from error


def _perform_or_refuse(fault: Fault | None, operation: str, fields: Fields, work: Callable[[], Value]) -> Value:
    """Do the work, unless a fault makes an operation that saves refuse it before or after the work."""
    if fault is None or fault.kind not in {"refuse", "save_then_refuse"}:
        return work()
    saved = (
        work() if fault.kind == "save_then_refuse" and operation in {"SaveBundleList", "SaveCompanies"} else None
    )
    if operation == "SaveBundleList":
        return {"Type": fault.result, "Description": fault.says}
    if operation == "SaveCompanies":
        return [company | {"APIException": DATABASE_EXCEPTION} for company in saved or fields["companies"]]
    return work()
