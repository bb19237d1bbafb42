"""The forms of 24SevenOffice's own pages; :mod:`.voucher_admin` explains a voucher's fields."""

import datetime as dt
from decimal import Decimal
from typing import Literal

from pydantic import Base64Bytes, BaseModel


class NewClient(BaseModel):
    name: str
    username: str
    password: str


class NewCustomer(BaseModel):
    """A customer or supplier; without a number it gets the next one."""

    name: str
    number: int | None = None
    type: Literal["Business", "Consumer", "Supplier"] = "Business"
    organization_number: str = ""
    email: str = ""
    external_id: str = ""
    active: bool = True


class NewProject(BaseModel):
    """A project with a number from the bookkeeper."""

    name: str
    number: int
    customer_number: int | None = None
    closed: bool = False


class NewLine(BaseModel):
    account: int
    amount: Decimal
    customer: int | None = None
    project: int | None = None
    tax: str = ""
    comment: str = ""
    hidden: bool = False


class NewFile(BaseModel):
    """A scanned document and what was read from it."""

    content: Base64Bytes
    type: Literal["Unknown", "Wmf", "Png", "Tiff", "Pdf", "Bmp", "Gif", "Jpeg"] = "Pdf"
    approved: bool = True
    frames: int = 1
    meta: dict[str, str] = {}


class NewVoucher(BaseModel):
    lines: list[NewLine]
    date: dt.date
    type: int = 14
    number: int | None = None
    due: dt.date | None = None
    invoice: str = ""
    currency: str = "NOK"
    rate: Decimal = Decimal(1)
    posted: bool = True
    files: list[NewFile] = []


class LineChange(BaseModel):
    """The new values of the line with this id; omitted ones stay."""

    id: str
    account: int = 0
    amount: Decimal = Decimal()
    customer: int | None = None
    project: int | None = None
    invoice: str = ""
    tax: str = ""
    comment: str = ""
    hidden: bool = False


class VoucherChange(BaseModel):
    """The changed lines of a voucher, which must balance afterwards."""

    lines: list[LineChange]


class Reversal(BaseModel):
    """How a voucher is reversed: its lines are hidden, or a reversing voucher is entered."""

    method: Literal["hide", "counter"] = "hide"


class FileChange(BaseModel):
    approved: bool | None = None
    damaged: bool | None = None


class YearChange(BaseModel):
    locked: bool


class SeriesChange(BaseModel):
    start: int


class VatChange(BaseModel):
    splits_vat: bool = False
    exact_vat: bool = False


class LoginChange(BaseModel):
    password: str | None = None
    blocked: bool | None = None


class Move(BaseModel):
    """The client that a user belongs to from now on."""

    client: int
