import base64
from datetime import date, datetime
from hashlib import md5
from zoneinfo import ZoneInfo

import pytest

from integrations.twentyfour import attachments, expenses
from integrations.twentyfour import booked_vouchers as day_by_day
from integrations.twentyfour.accounting_setup import AccountingSetup
from integrations.twentyfour.attachments import MAX_CHUNK
from integrations.twentyfour.session import Session
from models.connections.account_ranges import AccountRanges
from sync.errors import RejectedError
from sync.records import LedgerLine, VoucherFile
from tests.integrations.twentyfour.remote import ACCOUNTING, Answer, Remote, says, value_of

YEAR = (
    "<FiscalYear><Id>10000000-0000-0000-0000-000000000000</Id><StartingDate>{}T00:00:00</StartingDate>"
    "<EndingDate>{}T00:00:00</EndingDate><IsLocked>false</IsLocked></FiscalYear>"
)
FLAGS = "<Hidden>false</Hidden><Open>false</Open><HasVatDividend>false</HasVatDividend>"
CONTENT = b"%PDF-1.7"
DIGEST = md5(CONTENT, usedforsecurity=False)
FILE = VoucherFile("7", "pdf", handle={"Id": 7, "Type": "Pdf", "StampNo": 501})


@pytest.fixture(autouse=True)
def _let_in(remote: Remote) -> None:
    remote.answers["Login"] = [says("Login", "session")]


def answer(operation: str, result: str) -> Answer:
    return says(operation, result, namespace=ACCOUNTING)


def ledger(remote: Remote, *lines: str) -> None:
    found = "".join(f"<Transaction>{line}{FLAGS}</Transaction>" for line in lines)
    remote.answers["GetTransactions"] = [answer("GetTransactions", found)]


def years(remote: Remote, *spans: tuple[str, str]) -> None:
    """Set up fiscal years, each from a day to one that is not in it."""
    remote.answers["GetFiscalYears"] = [answer("GetFiscalYears", "".join(YEAR.format(*span) for span in spans))]


def line(day: str, *, number: int = 40001) -> str:
    return (
        f"<Date>{day}T00:00:00</Date><AccountNo>4300</AccountNo>"
        f"<TransactionTypeId>104</TransactionTypeId><TransactionNo>{number}</TransactionNo>"
    )


def booked(session: Session, accounts: str) -> list[str]:
    days, costs, setup = (
        (date(2026, 3, 1), date(2026, 3, 31)),
        AccountRanges.parse(accounts),
        AccountingSetup(session),
    )
    return list(
        day_by_day.read_booked(session, *days, receivables=1500, costs=costs, setup=setup).supplier_vouchers
    )


def changed(session: Session, *, accounts: str = "4300") -> list[str]:
    summer = [datetime(2026, 7, day, 1, 30, tzinfo=ZoneInfo("Europe/Oslo")) for day in (1, 2)]
    return expenses.changed(
        session, AccountRanges.parse(accounts), since=summer[0], until=summer[1], setup=AccountingSetup(session)
    )


def test_a_voucher_whose_costs_stand_in_another_month_is_told_as_it_does_not_balance(
    remote: Remote, session: Session
) -> None:
    kept = [
        line("2026-03-02", number=n) + f"<Amount>{amount}</Amount>" for n, amount in ((1, 10), (2, 10), (2, -10))
    ]
    ledger(remote, *kept)
    years(remote, ("2026-01-01", "2027-01-01"))
    assert booked(session, "4000") == ["2026-104-1"]
    assert booked(session, "4300") == ["2026-104-1", "2026-104-2"]
    assert booked(session, "") == []


def test_a_fiscal_year_may_begin_in_summer_or_be_longer_than_a_year(remote: Remote, session: Session) -> None:
    ledger(remote, *(line(day) for day in ("2024-01-31", "2025-06-30", "2025-07-01", "2026-06-30")))
    years(remote, ("2024-01-01", "2025-07-01"), ("2025-07-01", "2026-07-01"))
    assert changed(session) == ["2024-104-40001", "2025-104-40001"]
    ledger(remote)
    assert expenses.read(session, "2025-104-40001", setup=AccountingSetup(session)) == []
    asked = remote.asked[-1].body
    assert [value_of(name, asked) for name in ("DateSearchParameters", "DateStart", "DateEnd")] == [
        "EntryDate",
        "2025-07-01T00:00:00",
        "2026-06-30T23:59:59",
    ]


def test_changes_are_asked_for_in_utc_on_the_lowest_to_the_highest_account(
    remote: Remote, session: Session
) -> None:
    ledger(remote)
    assert changed(session, accounts="6590, 4000, 4300-4399") == []
    asked = remote.asked[-1].body
    names = ("DateSearchParameters", "DateStart", "DateEnd", "AccountNoStart", "AccountNoEnd")
    assert [value_of(name, asked) for name in names] == [
        "DateChangedUTC",
        "2026-06-30T23:30:00",
        "2026-07-01T23:30:00",
        "4000",
        "6590",
    ]


def test_a_line_that_says_little_is_read_as_what_it_says(remote: Remote, session: Session) -> None:
    years(remote)
    not_set = "<VatCode>0</VatCode><StampNo>-2147483648</StampNo><Amount>-0.5</Amount>"
    ledger(remote, f"<Date>2026-03-01T00:00:00</Date><AccountNo>4300</AccountNo>{not_set}")
    assert expenses.read(session, "2026-104-40001", setup=AccountingSetup(session)) == [
        LedgerLine(account=4300, amount=-50, day=date(2026, 3, 1))
    ]


def test_what_was_read_off_a_page_counts_where_the_document_as_a_whole_says_nothing(
    remote: Remote, session: Session
) -> None:
    pair = "<KeyValuePair><Key>{}</Key><Value>{}</Value></KeyValuePair>"
    page = (
        "<ImageFrameInfo><Id>1</Id><StampNo>1</StampNo><MetaData>{}</MetaData><Status>0</Status></ImageFrameInfo>"
    )
    pages = "".join(page.format(pair.format("CustomerName", name)) for name in ("", "First AS", "Second AS"))
    pages += page.format(pair.format("InvoiceNo", "of the page"))
    whole = f"<StampMeta>{pair.format('InvoiceNo', 'F-77')}</StampMeta><FrameInfo>{pages}</FrameInfo>"
    file = "<ImageFile><Id>{}</Id><Type>Jpeg</Type><StampNo>1</StampNo>{}</ImageFile>"
    remote.answers["GetFileInfo"] = [answer("GetFileInfo", file.format(10, whole) + file.format(9, ""))]
    found = attachments.of_stamps(session, [1])[1].approved
    assert [(each.id, each.type, each.supplier, each.invoice_number) for each in found] == [
        ("9", "jpeg", "", ""),
        ("10", "jpeg", "First AS", "F-77"),
    ]


def held_against(remote: Remote, session: Session, checksum: str, *, size: int = len(CONTENT)) -> bytes:
    """Fetch a document that comes in parts of three bytes, whatever was asked for."""
    parts = [CONTENT[:3], CONTENT[3:6], CONTENT[6:], b""]
    remote.answers |= {
        "GetSize": [answer("GetSize", str(size))],
        "DownloadChunk": [answer("DownloadChunk", base64.b64encode(part).decode()) for part in parts],
        "GetChecksum": [answer("GetChecksum", checksum)],
    }
    with attachments.fetched(session, FILE, chunk=4, renew_lease=lambda: None) as content:
        return content.read()


@pytest.mark.parametrize(
    "checksum",
    [
        DIGEST.hexdigest(),
        DIGEST.hexdigest().upper(),
        DIGEST.digest().hex("-").upper(),
        base64.b64encode(DIGEST.digest()).decode(),
    ],
)
def test_a_checksum_may_be_written_in_several_ways(remote: Remote, session: Session, checksum: str) -> None:
    assert held_against(remote, session, checksum) == CONTENT
    asked = [each.body for each in remote.asked if each.operation == "DownloadChunk"]
    assert [(value_of("offset", body), value_of("bufferSize", body)) for body in asked] == [
        ("0", "4"),
        ("3", "4"),
        ("6", "2"),
    ]


@pytest.mark.parametrize("checksum", ["", md5(b"", usedforsecurity=False).hexdigest()])
def test_a_document_that_does_not_agree_with_its_checksum_is_broken(
    remote: Remote, session: Session, checksum: str
) -> None:
    with pytest.raises(RejectedError):
        held_against(remote, session, checksum)


def test_a_document_that_ends_before_its_size_is_broken(remote: Remote, session: Session) -> None:
    longer = md5(CONTENT + b"...", usedforsecurity=False).hexdigest()
    with pytest.raises(RejectedError):
        held_against(remote, session, longer, size=11)


@pytest.mark.parametrize(("kilobytes", "chunk"), [(0, 1024), (4096, 3142656), (1024 * 1024, MAX_CHUNK)])
def test_a_chunk_fits_into_an_answer_and_into_memory(
    remote: Remote, session: Session, kilobytes: int, chunk: int
) -> None:
    remote.answers["GetMaxRequestLength"] = [answer("GetMaxRequestLength", str(kilobytes))]
    assert attachments.chunk_size(session) == chunk
