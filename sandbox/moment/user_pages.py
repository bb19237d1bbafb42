"""What Moment's users do on its pages, for browsers, and for other clients, which get records as JSON."""

from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import RedirectResponse
from fastapi.templating import Jinja2Templates
from pydantic import BaseModel

from sandbox.moment.api import StoreDep
from sandbox.moment.exact_json import JsonResponse
from sandbox.moment.list_queries import dump
from sandbox.moment.records import Record
from sandbox.moment.state import Company, RefusedError
from sandbox.moment.webhooks import Addresses, Delivery, DeliveryFaults, WebhookSender

LINE_FIELDS = ("description", "quantity", "unitPrice", "financialAccountId")
TEMPLATES = Jinja2Templates(Path(__file__).parents[1] / "templates")


class Access(BaseModel):
    name: str
    api_key: str


async def get_webhook_sender(request: Request) -> WebhookSender:
    webhook_sender: WebhookSender = request.app.state.webhook_sender
    return webhook_sender


WebhookSenderDep = Annotated[WebhookSender, Depends(get_webhook_sender)]
router = APIRouter()


@router.get("/")
async def page(
    request: Request, store: StoreDep, webhook_sender: WebhookSenderDep, company: str = "1001"
) -> Response:
    """Show a company's records, with the actions of its users."""
    shown = {
        "companies": store.state.companies,
        "company_id": company,
        "company": store.state.company(company),
        "deliveries": list(webhook_sender.deliveries)[-20:],
    }
    return TEMPLATES.TemplateResponse(request, "moment.html", shown)


@router.put("/companies/{company_id}")
async def put_company(company_id: str, access: Access, store: StoreDep) -> Access:
    known = store.state.companies.setdefault(company_id, Company(name=access.name, api_key=access.api_key))
    known.name, known.api_key = access.name, access.api_key
    return access


@router.post("/companies/{company_id}/{resource}")
async def enter(company_id: str, resource: str, request: Request, store: StoreDep) -> Response:
    """Accept a form filled in by a user; an invoice's has one line."""
    async with request.form() as form:
        values: dict[str, Any] = {name: value for name, value in form.items() if value}
    if not values:
        raise RefusedError(400, "The form is empty")
    if resource == "invoices":
        values["invoiceLines"] = [{name: values.pop(name) for name in LINE_FIELDS if name in values}]
    return _respond(request, company_id, store.create(company_id, resource, values))


@router.post("/companies/{company_id}/invoices/{invoice_id:int}/finalize")
async def finalize(company_id: str, invoice_id: int, request: Request, store: StoreDep) -> Response:
    return _respond(request, company_id, store.finalize(company_id, invoice_id))


@router.post("/companies/{company_id}/invoices/{invoice_id:int}/credit")
async def credit(company_id: str, invoice_id: int, request: Request, store: StoreDep) -> Response:
    return _respond(request, company_id, store.credit(company_id, invoice_id))


@router.post("/companies/{company_id}/projectExpenses/{expense_id:int}/invoice")
async def invoice_expense(company_id: str, expense_id: int, request: Request, store: StoreDep) -> Response:
    return _respond(request, company_id, store.invoice_expense(company_id, expense_id))


@router.put("/webhooks/{company_id}")
async def put_webhooks(company_id: str, addresses: Addresses, store: StoreDep) -> Addresses:
    store.state.company(company_id).webhooks = addresses.model_dump()
    return addresses


@router.get("/deliveries")
async def deliveries(webhook_sender: WebhookSenderDep) -> list[Delivery]:
    return list(webhook_sender.deliveries)


@router.put("/deliveries")
async def put_delivery_faults(delivery_faults: DeliveryFaults, webhook_sender: WebhookSenderDep) -> DeliveryFaults:
    """Lose, double and delay the webhooks that follow."""
    webhook_sender.set_faults(delivery_faults)
    return delivery_faults


@router.get("/books")
async def companies(store: StoreDep) -> dict[str, Any]:
    return {"companies": [{"id": key, "name": company.name} for key, company in store.state.companies.items()]}


@router.get("/books/{company_id}/attachments")
async def all_attachments(company_id: str, store: StoreDep) -> Response:
    return JsonResponse([dump(one) for one in store.state.company(company_id).attachments.values()])


@router.get("/books/{company_id}/{resource}")
async def records(company_id: str, resource: str, store: StoreDep) -> Response:
    return JsonResponse([dump(one) for one in store.state.company(company_id).records_of(resource).values()])


def _respond(request: Request, company_id: str, record: Record) -> Response:
    if "text/html" in request.headers.get("accept", ""):
        return RedirectResponse(f"/?company={company_id}", 303)
    return JsonResponse(dump(record))
