"""What a bookkeeper sees and does on 24SevenOffice's own pages; for vouchers, see :mod:`.voucher_admin`."""

from pathlib import Path
from typing import Any
from uuid import uuid4

from fastapi import APIRouter, Request, Response
from fastapi.templating import Jinja2Templates

from sandbox.twentyfour import json_views, seed
from sandbox.twentyfour.dependencies import Now, ServerDep, StateDep, find_or_404
from sandbox.twentyfour.forms import (
    LoginChange,
    Move,
    NewClient,
    NewCustomer,
    NewProject,
    SeriesChange,
    VatChange,
    YearChange,
)
from sandbox.twentyfour.limits import Allowance
from sandbox.twentyfour.sessions import SessionTimeout
from sandbox.twentyfour.state import Fields, Year

TEMPLATES = Jinja2Templates(Path(__file__).parents[1] / "templates")

router = APIRouter()


@router.get("/")
async def page(request: Request, state: StateDep, client: int = 1) -> Response:
    shown = {"clients": state.clients, "client": find_or_404(state.clients, client), "views": json_views.VIEWS}
    return TEMPLATES.TemplateResponse(request, "twentyfour.html", shown)


@router.get("/books")
async def list_clients(state: StateDep) -> dict[str, list[dict[str, Any]]]:
    return {"clients": [{"id": client.id, "name": client.name} for client in state.clients.values()]}


@router.put("/books/{client_id}")
async def set_up_client(client_id: int, new: NewClient, state: StateDep, now: Now) -> dict[str, str]:
    """Create a client with a chart of accounts and no vouchers, and a login that reaches only it."""
    added = seed.add_client(
        state, client_id, name=new.name, username=new.username, password=new.password, today=now.date()
    )
    return {"identity_id": added.id}


@router.get("/books/{client_id}/{view}")
async def list_records(client_id: int, view: str, state: StateDep) -> list[dict[str, Any]]:
    return list(find_or_404(json_views.VIEWS, view)(find_or_404(state.clients, client_id)))


@router.post("/books/{client_id}/customers", status_code=201)
async def add_customer(client_id: int, new: NewCustomer, state: StateDep, now: Now) -> dict[str, int]:
    client = find_or_404(state.clients, client_id)
    number = new.number or client.new_customer()
    use = "Primary" if new.type == "Consumer" else "Work"
    client.customers[number] = {
        "Id": number,
        "Name": new.name,
        "Type": new.type,
        "OrganizationNumber": new.organization_number,
        "EmailAddresses": {use: {"Value": new.email}} if new.email else {},
        "ExternalId": new.external_id,
        "Active": new.active,
        "DateCreated": now,
        "DateChanged": now,
    }
    return {"number": number}


@router.post("/books/{client_id}/projects", status_code=201)
async def add_project(client_id: int, new: NewProject, state: StateDep, now: Now) -> dict[str, int]:
    fields: Fields = {"Id": new.number, "Name": new.name, "NameDisplay": "Plain", "TimeReg": "WorkType"}
    fields["Closed"] = new.closed
    if new.customer_number is not None:
        fields["CustomerId"] = new.customer_number
    find_or_404(state.clients, client_id).projects[new.number] = fields | {
        "DateRegistered": now,
        "DateChanged": now,
    }
    return {"number": new.number}


@router.put("/books/{client_id}/years/{year}")
async def change_year(client_id: int, year: int, change: YearChange, state: StateDep) -> YearChange:
    """Lock or unlock a fiscal year, or create a missing one."""
    years = find_or_404(state.clients, client_id).years
    years.setdefault(year, Year(str(uuid4()), year)).locked = change.locked
    return change


@router.delete("/books/{client_id}/years/{year}", status_code=204)
async def remove_year(client_id: int, year: int, state: StateDep) -> None:
    years = find_or_404(state.clients, client_id).years
    find_or_404(years, year)
    del years[year]


@router.put("/books/{client_id}/vat")
async def change_vat(client_id: int, change: VatChange, state: StateDep) -> VatChange:
    """Set whether VAT is split off what is posted at once, and whether it is compared to the øre."""
    client = find_or_404(state.clients, client_id)
    client.splits_vat, client.exact_vat = change.splits_vat, change.exact_vat
    return change


@router.delete("/books/{client_id}/types/{number}", status_code=204)
async def remove_type(client_id: int, number: int, state: StateDep) -> None:
    types = find_or_404(state.clients, client_id).types
    find_or_404(types, number)
    del types[number]


@router.put("/books/{client_id}/series/{series_id}")
async def change_series(client_id: int, series_id: int, change: SeriesChange, state: StateDep) -> SeriesChange:
    find_or_404(find_or_404(state.clients, client_id).series, series_id).start = change.start
    return change


@router.patch("/logins/{username}", status_code=204)
async def change_login(username: str, change: LoginChange, state: StateDep) -> None:
    login = find_or_404(state.logins, username)
    for name, value in change.model_dump(exclude_none=True).items():
        setattr(login, name, value)


@router.put("/logins/{username}/client", status_code=204)
async def move_login(username: str, move: Move, state: StateDep) -> None:
    """Move a user to another client, and remove access to earlier ones; open sessions stay valid."""
    find_or_404(state.logins, username).identities = [
        seed.identity(username, find_or_404(state.clients, move.client).id, default=True)
    ]


@router.put("/limits")
async def change_limits(allowance: Allowance, server: ServerDep) -> Allowance:
    server.limits.allowance = allowance
    return allowance


@router.put("/sessions")
async def change_sessions(change: SessionTimeout, server: ServerDep) -> SessionTimeout:
    server.sessions.timeout = change
    return change


@router.delete("/sessions", status_code=204)
async def end_sessions(server: ServerDep) -> None:
    server.sessions.forget_all()
