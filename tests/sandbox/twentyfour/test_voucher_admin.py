import base64
from datetime import timedelta

import pytest

from tests.sandbox.twentyfour.soap_client import Answer, Json, SoapClient, entry, voucher

VOUCHER = "/books/1/vouchers/40001"
NOBODY_ASKS = '<SystemType xsi:nil="true"/><HasInvoiceId xsi:nil="true"/>'
SCAN = {"content": base64.b64encode(b"%PDF-1.7 scanned").decode()}


@pytest.fixture
def office(demo: SoapClient) -> SoapClient:
    """A ledger with projects 1 and 2, and the posted voucher 40001 of a supplier without documents."""
    supplier = {"name": "Byggmakker AS", "number": 20001, "type": "Supplier"}
    demo.control("POST", "/books/1/customers", supplier, expect=201)
    for number, name in ((1, "Nybygg"), (2, "Påbygg")):
        demo.control("POST", "/books/1/projects", {"number": number, "name": name}, expect=201)
    enter(demo)
    return demo


def enter(soap: SoapClient, **more: Json) -> Json:
    lines = [
        {"account": 4300, "amount": "1000.00", "tax": "1", "project": 1, "comment": "Gips"},
        {"account": 2711, "amount": "250.00", "tax": "1"},
        {"account": 2400, "amount": "-1250.00", "customer": 20001},
    ]
    new = {"date": "2026-03-01", "invoice": "F-77", "lines": lines, **more}
    return soap.control("POST", "/books/1/vouchers", new, expect=201)


def lines_of(soap: SoapClient, place: int = 0) -> list[Json]:
    return list(soap.records("vouchers")[place]["lines"])


def changed(soap: SoapClient, since: str) -> list[Answer]:
    dates = f"<DateStart>{since}</DateStart><DateEnd>2026-12-31T23:59:59</DateEnd>"
    inner = f"<DateSearchParameters>DateChangedUTC</DateSearchParameters>{dates}{NOBODY_ASKS}"
    return soap.call("GetTransactions", f"<searchParams>{inner}</searchParams>").all("Transaction")


def now(soap: SoapClient) -> str:
    soap.clock.now += timedelta(minutes=1)
    return soap.clock.now.strftime("%Y-%m-%dT%H:%M:%S")


def test_a_line_that_is_corrected_counts_as_changed_and_the_others_do_not(office: SoapClient) -> None:
    since, [cost, *_] = now(office), lines_of(office)
    change = {"id": cost["id"], "project": 2, "comment": "Gips til påbygg"}
    office.control("PATCH", VOUCHER, {"lines": [change]})
    [line] = changed(office, since)
    assert (line["AccountNo"], line["Comment"], line["Amount"]) == ("4300", "Gips til påbygg", "1000.00")
    assert [(one["Type"], one["Name"], one["Value"]) for one in line.all("Dimension")] == [
        ("Project", "Påbygg", "2")
    ]
    office.control("PATCH", VOUCHER, {"lines": [{"id": cost["id"], "project": None}]})
    assert lines_of(office)[0]["project"] is None


def test_amounts_are_corrected_together_or_not_at_all(office: SoapClient) -> None:
    cost, vat, supplier = (line["id"] for line in lines_of(office))
    lopsided = {"lines": [{"id": cost, "amount": "800.00"}, {"id": vat, "amount": "200.00"}]}
    refused = office.control("PATCH", VOUCHER, lopsided, expect=422)["detail"]
    assert refused == "Bilag 40001 er ikke i balanse, differansen er -250.00."
    assert [line["amount"] for line in lines_of(office)] == ["1000.00", "250.00", "-1250.00"]
    office.control("PATCH", VOUCHER, {"lines": [*lopsided["lines"], {"id": supplier, "amount": "-1000.00"}]})
    assert [line["amount"] for line in lines_of(office)] == ["800.00", "200.00", "-1000.00"]


def test_a_correction_follows_the_same_rules(office: SoapClient) -> None:
    cost = lines_of(office)[0]["id"]
    for change in ({"account": 4301}, {"project": 9}, {"tax": "3"}):
        office.control("PATCH", VOUCHER, {"lines": [{"id": cost, **change}]}, expect=422)
    office.control("PATCH", VOUCHER, {"lines": [{"id": "another"}]}, expect=404)
    office.control("PUT", "/books/1/years/2026", {"locked": True})
    office.control("PATCH", VOUCHER, {"lines": [{"id": cost, "comment": "Late"}]}, expect=422)
    office.control("POST", f"{VOUCHER}/reverse", {"method": "hide"}, expect=422)
    office.control("POST", f"{VOUCHER}/reverse", {"method": "counter"}, expect=422)
    assert [line["comment"] for line in lines_of(office)] == ["Gips", "", ""]


def test_a_voucher_is_reversed_by_hiding_its_lines(office: SoapClient) -> None:
    since = now(office)
    office.control("POST", f"{VOUCHER}/reverse", {"method": "hide"})
    assert [line["Hidden"] for line in changed(office, since)] == ["true"] * 3


def test_a_voucher_is_reversed_by_a_counter_voucher(office: SoapClient) -> None:
    office.control("POST", f"{VOUCHER}/files", SCAN, expect=201)
    since = now(office)
    counter = office.control("POST", f"{VOUCHER}/reverse", {"method": "counter"})
    assert (counter["number"], counter["posted"]) == (40002, True)
    assert [(line["account"], line["amount"], line["project"], line["stamp"]) for line in counter["lines"]] == [
        (4300, "-1000.00", 1, None),
        (2711, "-250.00", None, None),
        (2400, "1250.00", None, None),
    ]
    assert {line["comment"] for line in counter["lines"]} == {"Reversering av bilag 40001"}
    assert {line["TransactionNo"] for line in changed(office, since)} == {"40002"}
    assert [line["hidden"] for line in lines_of(office)] == [False] * 3


def test_an_ambiguous_number_needs_a_type_or_year(office: SoapClient) -> None:
    office.save_company()
    office.save_vouchers(voucher(40001, entry(1500, "1.00"), entry(3000, "-1.00")))
    enter(office, date="2025-03-01", number=40001, type=15)
    office.control("POST", f"{VOUCHER}/reverse", {}, expect=409)
    office.control("POST", f"{VOUCHER}/reverse?year=2026", {}, expect=409)
    office.control("POST", f"{VOUCHER}/reverse?year=2027", {}, expect=404)
    office.control("POST", f"{VOUCHER}/reverse?type=15", {})
    office.control("POST", f"{VOUCHER}/reverse?type=11&year=2026", {})
    hidden = {(one["year"], one["type"]): one["lines"][0]["hidden"] for one in office.records("vouchers")}
    assert hidden == {
        (2026, "Inngående faktura"): False,
        (2026, "Utgående faktura"): True,
        (2025, "Inngående kreditnota"): True,
    }


def test_the_first_document_changes_the_lines_as_they_get_its_stamp(office: SoapClient) -> None:
    since = now(office)
    first = office.control("POST", f"{VOUCHER}/files", SCAN, expect=201)
    assert [line["StampNo"] for line in changed(office, since)] == [str(first["stamp"])] * 3
    since = now(office)
    second = office.control("POST", f"{VOUCHER}/files", SCAN | {"type": "Png"}, expect=201)
    assert (first["id"], second["id"], first["stamp"]) == (1, 2, second["stamp"])
    assert changed(office, since) == []


def test_a_document_may_be_approved_later_and_vanish(office: SoapClient) -> None:
    file = office.control("POST", f"{VOUCHER}/files", SCAN | {"approved": False}, expect=201)
    assert office.control("PATCH", f"/books/1/files/{file['id']}", {"approved": True})["approved"] is True
    office.control("DELETE", f"/books/1/files/{file['id']}", expect=204)
    office.control("DELETE", f"/books/1/files/{file['id']}", expect=404)
    assert office.records("files") == []
    again = office.control("POST", f"{VOUCHER}/files", SCAN, expect=201)
    assert (again["id"], again["stamp"]) == (2, file["stamp"])


def test_a_damaged_document_keeps_its_checksum_and_its_size(office: SoapClient) -> None:
    file = office.control("POST", f"{VOUCHER}/files", SCAN, expect=201)
    named = f"<file><Id>{file['id']}</Id><Type>Pdf</Type><StampNo>{file['stamp']}</StampNo></file>"

    def bytes_and_checksum() -> tuple[bytes, str]:
        part = office.call("DownloadChunk", f"{named}<offset>0</offset><bufferSize>99</bufferSize>")
        checksum = office.call("GetChecksum", named)["GetChecksumResult"]
        return base64.b64decode(part["DownloadChunkResult"]), checksum

    whole, checksum = bytes_and_checksum()
    office.control("PATCH", f"/books/1/files/{file['id']}", {"damaged": True})
    damaged, same = bytes_and_checksum()
    assert (len(damaged), same) == (len(whole), checksum)
    assert damaged != whole
    office.control("PATCH", f"/books/1/files/{file['id']}", {"damaged": False})
    assert bytes_and_checksum() == (whole, checksum)


def test_a_foreign_currency_is_on_every_line_with_its_rate(office: SoapClient) -> None:
    since = now(office)
    enter(office, currency="EUR", rate="11.4525", invoice="F-78")
    found = {(line["Currency"], line["CurrencyRate"], line["Amount"]) for line in changed(office, since)}
    assert found == {("EUR", "11.4525", amount) for amount in ("1000.00", "250.00", "-1250.00")}


def test_the_supplier_is_on_the_payable_line(office: SoapClient) -> None:
    supplier = changed(office, "2026-01-01T00:00:00")[2]
    assert [(one["Type"], one["Name"], one["Value"]) for one in supplier.all("Dimension")] == [
        ("Customer", "Byggmakker AS", "20001")
    ]


def test_the_maximum_response_size_can_be_set(office: SoapClient) -> None:
    office.control("POST", f"{VOUCHER}/files", SCAN, expect=201)
    office.control("PUT", "/limits", {"max_request_kb": 1})
    assert office.call("GetMaxRequestLength")["GetMaxRequestLengthResult"] == "1"
    named = "<file><Id>1</Id><Type>Pdf</Type><StampNo>501</StampNo></file><offset>0</offset>"
    assert office.call("DownloadChunk", f"{named}<bufferSize>768</bufferSize>")["DownloadChunkResult"]
    too_long = office.fault("DownloadChunk", f"{named}<bufferSize>769</bufferSize>")
    assert too_long == "Maximum request length exceeded."
