"""What a bookkeeper sees and does on 24SevenOffice's own pages: for tests, the demo and a developer by hand.

A voucher is entered by hand as::

    {"type": 4, "number": null, "date": "2026-03-01", "due": "2026-03-31", "invoice": "F-77", "posted": true,
     "currency": "NOK",
     "lines": [{"account": 4300, "amount": "1000.00", "tax": "1", "project": 1, "customer": null, "comment": "",
                "hidden": false}],
     "files": [{"type": "Pdf", "content": "<base64>", "approved": true, "frames": 1,
                "meta": {"InvoiceNo": "F-77"}}]}

``type`` is the number of a voucher type (4 is Inngående faktura, 5 Inngående kreditnota). Without a ``number`` it
gets the next of its series. What stands outside the lines holds for all of them, and where there are files, all
lines carry their common stamp. A voucher is held to the same rules as one that the API brings, and answered with
422 and the reason where it breaks one.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, TypeVar
from uuid import uuid4

from fastapi import APIRouter, Depends, HTTPException, Request, Response
from fastapi.templating import Jinja2Templates

from sandbox.twentyfour import overview
from sandbox.twentyfour.bookkeeping import Leniency, Refusal, enter, post
from sandbox.twentyfour.books import Books, File, Line, Voucher, Year
from sandbox.twentyfour.forms import (
    LoginChange,
    NewCustomer,
    NewLine,
    NewProject,
    NewVoucher,
    SeriesChange,
    YearChange,
)
from sandbox.twentyfour.limits import Allowance
from sandbox.twentyfour.server import SoapServer
from sandbox.twentyfour.visits import Patience

TEMPLATES = Jinja2Templates(Path(__file__).parents[1] / "templates")


async def the_books(request: Request) -> Books:
    """Find the books of the running app."""
    books: Books = request.app.state.books
    return books


async def the_server(request: Request) -> SoapServer:
    """Find the SOAP server of the running app."""
    server: SoapServer = request.app.state.server
    return server


async def the_instant(request: Request) -> datetime:
    """Tell the time by the clock of the running app."""
    now: datetime = request.app.state.clock()
    return now


TheBooks = Annotated[Books, Depends(the_books)]
TheServer = Annotated[SoapServer, Depends(the_server)]
Now = Annotated[datetime, Depends(the_instant)]
K = TypeVar("K")
V = TypeVar("V")
router = APIRouter()


@router.get("/")
async def page(request: Request, books: TheBooks, client: int = 1) -> Response:
    """Show the books of a client."""
    shown = {"clients": books.clients, "client": _found(books.clients, client), "shelves": overview.SHELVES}
    return TEMPLATES.TemplateResponse(request, "twentyfour.html", shown)


@router.get("/books")
async def list_clients(books: TheBooks) -> dict[str, list[dict[str, Any]]]:
    """List the clients."""
    return {"clients": [{"id": client.id, "name": client.name} for client in books.clients.values()]}


@router.get("/books/{client_id}/{shelf}")
async def list_records(client_id: int, shelf: str, books: TheBooks) -> list[dict[str, Any]]:
    """List the records of a kind."""
    return list(_found(overview.SHELVES, shelf)(_found(books.clients, client_id)))


@router.post("/books/{client_id}/customers", status_code=201)
async def add_customer(client_id: int, new: NewCustomer, books: TheBooks, now: Now) -> dict[str, int]:
    """Enter a customer or supplier by hand."""
    client = _found(books.clients, client_id)
    number = new.number or client.new_customer()
    fields = {"Id": number, "Name": new.name, "Type": new.type, "DateCreated": now, "DateChanged": now}
    client.customers[number] = fields
    return {"number": number}


@router.post("/books/{client_id}/projects", status_code=201)
async def add_project(client_id: int, new: NewProject, books: TheBooks, now: Now) -> dict[str, int]:
    """Enter a project by hand."""
    fields = {"Id": new.number, "Name": new.name, "NameDisplay": "Plain", "TimeReg": "WorkType"}
    if new.customer_number is not None:
        fields["CustomerId"] = new.customer_number
    _found(books.clients, client_id).projects[new.number] = fields | {"DateRegistered": now, "DateChanged": now}
    return {"number": new.number}


@router.post("/books/{client_id}/vouchers", status_code=201)
async def add_voucher(client_id: int, new: NewVoucher, books: TheBooks, now: Now) -> dict[str, Any]:
    """Enter a voucher by hand; that its invoice number was used before is a warning that a person may overrule."""
    client = _found(books.clients, client_id)
    stamp = client.next_stamp()
    kind = _found(client.types, new.type)
    voucher = Voucher(
        number=new.number or client.next_voucher(kind.series, new.date.year),
        year=new.date.year,
        type=kind,
        lines=[_line(new, line, stamp=stamp if new.files else None, now=now) for line in new.lines],
        posted=new.posted,
    )
    with _refusals_shown():
        enter(client, [voucher], leniency=Leniency(warnings={"invoicealreadyexists"}))
    for number, file in enumerate(new.files, start=len(client.files) + 1):
        client.files[number] = File(id=number, stamp=stamp, registered=now, **dict(file))
    return overview.voucher(voucher)


def _line(new: NewVoucher, line: NewLine, *, stamp: int | None, now: datetime) -> Line:
    return Line(
        id=str(uuid4()),
        day=new.date,
        changed=now,
        registered=now,
        due=new.due,
        invoice=new.invoice,
        currency=new.currency,
        stamp=stamp,
        **dict(line),
    )


@router.post("/books/{client_id}/vouchers/{number}/post")
async def post_voucher(client_id: int, number: int, books: TheBooks, now: Now) -> dict[str, Any]:
    """Post a voucher that waits in a journal."""
    client = _found(books.clients, client_id)
    voucher = _found({one.number: one for one in client.vouchers.values() if not one.posted}, number)
    with _refusals_shown():
        post(client, voucher, now=now)
    return overview.voucher(voucher)


@router.put("/books/{client_id}/years/{year}")
async def change_year(client_id: int, year: int, change: YearChange, books: TheBooks) -> YearChange:
    """Lock or unlock a fiscal year, or set up one that is not there yet."""
    years = _found(books.clients, client_id).years
    years.setdefault(year, Year(str(uuid4()), year)).locked = change.locked
    return change


@router.put("/books/{client_id}/series/{series_id}")
async def change_series(client_id: int, series_id: int, change: SeriesChange, books: TheBooks) -> SeriesChange:
    """Say what number a series starts on."""
    _found(_found(books.clients, client_id).series, series_id).start = change.start
    return change


@router.patch("/logins/{username}", status_code=204)
async def change_login(username: str, change: LoginChange, books: TheBooks) -> None:
    """Give a login another password, or block it."""
    login = _found(books.logins, username)
    for name, value in change.model_dump(exclude_none=True).items():
        setattr(login, name, value)


@router.put("/limits")
async def change_limits(allowance: Allowance, server: TheServer) -> Allowance:
    """Let through more or fewer requests."""
    server.limits.allowance = allowance
    return allowance


@router.put("/sessions")
async def change_sessions(patience: Patience, server: TheServer) -> Patience:
    """Say how long a session lives that nobody uses."""
    server.sessions.patience = patience
    return patience


@router.delete("/sessions", status_code=204)
async def end_sessions(server: TheServer) -> None:
    """End every session."""
    server.sessions.forget_all()


def _found(records: Mapping[K, V], key: K) -> V:
    if key not in records:
        raise HTTPException(404, f"There is no {key}")
    return records[key]


@contextmanager
def _refusals_shown() -> Iterator[None]:
    try:
        yield
    except Refusal as refusal:
        raise HTTPException(422, str(refusal)) from refusal
