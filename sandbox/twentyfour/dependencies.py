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


def find_or_404(records: Mapping[K, V], key: K) -> V:
    """Return the record, or respond with 404 if there is none."""
    if key not in records:
        raise HTTPException(404, f"There is no {key}")
    return records[key]


@contextmanager
def refusals_as_422() -> Iterator[None]:
    """Respond to a broken rule of bookkeeping with 422 and the reason."""
    try:
        yield
    except RefusedError as refusal:
        raise HTTPException(422, str(refusal)) from refusal


async def get_state(request: Request) -> State:
    state: State = request.app.state.data
    return state


async def get_server(request: Request) -> SoapServer:
    server: SoapServer = request.app.state.server
    return server


async def get_now(request: Request) -> datetime:
    now: datetime = request.app.state.clock()
    return now


StateDep = Annotated[State, Depends(get_state)]
ServerDep = Annotated[SoapServer, Depends(get_server)]
Now = Annotated[datetime, Depends(get_now)]


async def get_client(client_id: int, state: StateDep) -> Client:
    return find_or_404(state.clients, client_id)


ClientDep = Annotated[Client, Depends(get_client)]


async def get_voucher(
    number: int,
    client: ClientDep,
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
    return find_or_404({voucher.number: voucher for voucher in known}, number)


VoucherDep = Annotated[Voucher, Depends(get_voucher)]
