"""Text that Excel would turn into a date or a number stays text."""

import csv
from datetime import date

import pytest

from i18n.sheets import Sheet

COLUMNS = {"voucher": "Voucher", "amount": "Amount", "date": "Date"}


def line_of(value: object, *, for_excel: bool = True) -> bytes:
    _, line = Sheet(columns={"it": "It"}, for_excel=for_excel).lines([{"it": value}])
    return line.encode()


def test_a_voucher_stays_text_in_excel_and_is_plain_for_programs() -> None:
    row = {"voucher": "9/2026", "amount": -4800050, "date": date(2026, 9, 1)}
    for_excel = Sheet(columns=COLUMNS, amounts=frozenset({"amount"}), for_excel=True)
    assert "".join(for_excel.lines([row])).encode() == (
        b'\xef\xbb\xbfVoucher;Amount;Date\r\n"=""9/2026""";-48000,50;01.09.2026\r\n'
    )
    for_programs = Sheet(columns=COLUMNS, amounts=frozenset({"amount"}))
    assert "".join(for_programs.lines([row])).encode() == (
        b"Voucher,Amount,Date\r\n9/2026,-48000.50,2026-09-01\r\n"
    )


@pytest.mark.parametrize(
    "text",
    [
        "9/2026",
        "1.10",
        "1-2",
        "2026-09-01",
        "12:30",
        "007",
        "1234567890123456",
        "1E5",
        "50%",
        "1 250,00",
        "1\N{NO-BREAK SPACE}250",
        "3. mai",
        "des 2026",
        "5-oct-26",
    ],
)
def test_values_that_excel_would_change_are_kept_as_text(text: str) -> None:
    assert line_of(text) == f'"=""{text}"""\r\n'.encode()
    (read,) = next(csv.reader([line_of(text).decode()], delimiter=";"))
    assert read == f'="{text}"'


@pytest.mark.parametrize(
    "text", ["1024", "0", "923609016", "Nordlys AS", "F-77", "17 mars og april", "", "Mai AS"]
)
def test_values_that_excel_shows_unchanged_stay_plain(text: str) -> None:
    assert line_of(text) == f"{text}\r\n".encode().replace(b"\r\n", b'""\r\n' if not text else b"\r\n")


@pytest.mark.parametrize(
    "text", ['9/2026"&HYPERLINK("x")&"', "=1+1", "+4712345678", "-1/2", "9/2026;=1", "1\t=1", "@1"]
)
def test_only_our_own_formulas_are_written(text: str) -> None:
    (read,) = next(csv.reader([line_of(text).decode()], delimiter=";"))
    assert not read.startswith(("=", "+", "-", "@"))
    assert ";=" not in read
    assert "\t=" not in read
