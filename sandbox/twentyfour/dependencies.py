"""Dependencies of 24SevenOffice's own pages: the parts of the running app, and the records in a path."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from typing import Annotated, TypeVar

from fastapi import Depends, HTTPException, Query, Request

from sandbox.twentyfour.bookkeeping_rules import RefusedError
from sandbox.twentyfour.server import SoapServer
from sandbox.twentyfour.state import Client, State, Voucher

K = TypeVar("K")
V = TypeVar("V")


def found(records: Mapping[K, V], key: K) -> V:
    """Return the record, or respond with 404 if there is none."""
    if key not in records:
        raise HTTPException(404, f"There is no {key}")
    return records[key]


@contextmanager
def refusals_shown() -> Iterator[None]:
    """Respond to a broken rule of bookkeeping with 422 and the reason."""
    try:
        yield
    except RefusedError as refusal:
        raise HTTPException(422, str(refusal)) from refusal


async def the_state(request: Request) -> State:
    state: State = request.app.state.data
    return state


async def the_server(request: Request) -> SoapServer:
    server: SoapServer = request.app.state.server
    return server


async def the_instant(request: Request) -> datetime:
    now: datetime = request.app.state.clock()
    return now


TheState = Annotated[State, Depends(the_state)]
TheServer = Annotated[SoapServer, Depends(the_server)]
Now = Annotated[datetime, Depends(the_instant)]


async def the_client(client_id: int, state: TheState) -> Client:
    return found(state.clients, client_id)


TheClient = Annotated[Client, Depends(the_client)]


async def the_voucher(
    number: int,
    client: TheClient,
    kind: Annotated[int | None, Query(alias="type")] = None,
    year: int | None = None,
) -> Voucher:
    """Return the voucher in the path; responds with 409 if its number is ambiguous."""
    known = [
        voucher
        for voucher in client.vouchers.values()
        if voucher.number == number and kind in {None, voucher.type.number} and year in {None, voucher.year}
    ]
    if len(known) > 1:
        raise HTTPException(409, f"There are several vouchers {number}: say which type and year")
    return found({voucher.number: voucher for voucher in known}, number)


TheVoucher = Annotated[Voucher, Depends(the_voucher)]
