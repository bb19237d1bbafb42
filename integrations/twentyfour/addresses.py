"""Where a person opens a record in 24SevenOffice, as far as whoever set up the installation knows."""

from __future__ import annotations

from urllib.parse import quote

from models.words import Kind

PAGES = {Kind.CUSTOMER: "customers", Kind.PROJECT: "projects", Kind.INVOICE: "vouchers", Kind.EXPENSE: "vouchers"}


def record_address(template: str, kind: Kind, number: str, *, year: str = "") -> str:
    """Fill in the setting ``twentyfour_record_url``; ``year`` is the fiscal year of a voucher."""
    return template.format(kind=PAGES[kind], year=quote(year, safe=""), number=quote(number, safe=""))
