"""Vouchers and their documents, entered manually: a bookkeeper enters, posts, corrects and reverses them.

A voucher is entered as::

    {"type": 14, "number": null, "date": "2026-03-01", "due": "2026-03-31", "invoice": "F-77", "posted": true,
     "currency": "NOK", "rate": "1",
     "lines": [{"account": 4300, "amount": "1000.00", "tax": "1", "project": 1, "customer": null, "comment": "",
                "hidden": false}],
     "files": [{"type": "Pdf", "content": "<base64>", "approved": true, "frames": 1,
                "meta": {"InvoiceNo": "F-77"}}]}

``type`` is the number of a voucher type (14 is Inngående faktura, 15 Inngående kreditnota). Without a ``number``
it gets the next of its series. Amounts are kroner, whatever the currency. Values outside of the lines apply to all
of them, and if there are files, all lines have their common stamp. The rules are those of a voucher from the API.
If it breaks one, the response is 422 with the reason.

If its number is ambiguous, ``?type=14&year=2026`` names the voucher.
"""

from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import uuid4

from fastapi import APIRouter

from sandbox.twentyfour import json_views
from sandbox.twentyfour.bookkeeping_rules import Leniency, correct, enter, post, reverse
from sandbox.twentyfour.dependencies import ClientDep, Now, VoucherDep, find_or_404, refusals_as_422
from sandbox.twentyfour.forms import FileChange, NewFile, NewLine, NewVoucher, Reversal, VoucherChange
from sandbox.twentyfour.state import Client, File, Line, Voucher

router = APIRouter(prefix="/books/{client_id}")
of_voucher = APIRouter(prefix="/vouchers/{number}")


@router.post("/vouchers", status_code=201)
async def add_voucher(new: NewVoucher, client: ClientDep, now: Now) -> dict[str, Any]:
    """Enter a voucher. A person may ignore the warning that its invoice number was used before."""
    voucher_type = find_or_404(client.types, new.type)
    voucher = Voucher(
        number=new.number or client.next_voucher(voucher_type.series, new.date.year),
        year=new.date.year,
        type=voucher_type,
        lines=[_line(new, line, now=now) for line in new.lines],
        posted=new.posted,
    )
    with refusals_as_422():
        enter(client, [voucher], leniency=Leniency(warnings={"invoicealreadyexists"}))
    for file in new.files:
        _scan(client, voucher, file, now=now)
    return json_views.voucher(voucher)


def _line(new: NewVoucher, line: NewLine, *, now: datetime) -> Line:
    return Line(
        id=str(uuid4()),
        day=new.date,
        changed=now,
        registered=now,
        due=new.due,
        invoice=new.invoice,
        currency=new.currency,
        rate=new.rate,
        **dict(line),
    )


@of_voucher.post("/post")
async def post_voucher(client: ClientDep, voucher: VoucherDep, now: Now) -> dict[str, Any]:
    with refusals_as_422():
        post(client, voucher, now=now)
    return json_views.voucher(voucher)


@of_voucher.patch("")
async def change_voucher(
    change: VoucherChange, client: ClientDep, voucher: VoucherDep, now: Now
) -> dict[str, Any]:
    known = {line.id: line for line in voucher.lines}
    changes = {line.id: line.model_dump(exclude_unset=True) for line in change.lines}
    corrected = [replace(find_or_404(known, line_id), **fields) for line_id, fields in changes.items()]
    with refusals_as_422():
        correct(client, voucher, corrected, now=now)
    return json_views.voucher(voucher)


@of_voucher.post("/reverse")
async def reverse_voucher(reversal: Reversal, client: ClientDep, voucher: VoucherDep, now: Now) -> dict[str, Any]:
    """Reverse a voucher, by hiding its lines or by a reversing voucher, and show the result."""
    with refusals_as_422():
        if reversal.method == "counter":
            return json_views.voucher(reverse(client, voucher, now=now))
        correct(client, voucher, [replace(line, hidden=True) for line in voucher.lines], now=now)
    return json_views.voucher(voucher)


@of_voucher.post("/files", status_code=201)
async def add_file(new: NewFile, client: ClientDep, voucher: VoucherDep, now: Now) -> dict[str, Any]:
    """Scan another document of a voucher; lines without a stamp get one."""
    return json_views.file(_scan(client, voucher, new, now=now))


def _scan(client: Client, voucher: Voucher, new: NewFile, *, now: datetime) -> File:
    stamp = next((line.stamp for line in voucher.lines if line.stamp), None) or client.new_stamp()
    for line in voucher.lines:
        if line.stamp is None:
            line.stamp, line.changed = stamp, now
    file = File(id=client.new_file(), stamp=stamp, registered=now, changed=now, **dict(new))
    client.files[file.id] = file
    return file


@router.patch("/files/{file_id}")
async def change_file(file_id: int, change: FileChange, client: ClientDep, now: Now) -> dict[str, Any]:
    """Approve or unapprove a document, damage or restore it. The lines of its voucher do not change."""
    file = find_or_404(client.files, file_id)
    for name, value in change.model_dump(exclude_none=True).items():
        setattr(file, name, value)
    file.changed = now
    return json_views.file(file)


@router.delete("/files/{file_id}", status_code=204)
async def remove_file(file_id: int, client: ClientDep) -> None:
    """Delete a document; the lines of its voucher keep its stamp."""
    find_or_404(client.files, file_id)
    del client.files[file_id]


router.include_router(of_voucher)
