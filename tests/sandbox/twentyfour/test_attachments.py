import base64
import hashlib

import pytest

from tests.sandbox.twentyfour.soap_client import Answer, Json, SoapClient

PDF, PNG = b"%PDF-1.7 first" * 1000, b"\x89PNG second"
NOBODY_ASKS = '<HasStampNo xsi:nil="true"/><FileApproved xsi:nil="true"/>'
UNKNOWN = "<file><Id>99</Id><Type>Unknown</Type><StampNo>0</StampNo></file>"


def expense(*files: Json, posted: bool = True) -> Json:
    lines = [
        {"account": 4300, "amount": "1250.00", "tax": "1"},
        {"account": 2400, "amount": "-1250.00", "customer": 20001},
    ]
    return {"date": "2026-03-01", "invoice": "F-77", "posted": posted, "lines": lines, "files": list(files)}


def scanned(content: bytes, **more: Json) -> Json:
    return {"content": base64.b64encode(content).decode(), **more}


@pytest.fixture
def archive(demo: SoapClient) -> SoapClient:
    """A posted voucher with two files on stamp 501 and one in a journal with an unapproved file on 502."""
    supplier = {"name": "Byggmakker AS", "number": 20001, "type": "Supplier"}
    demo.control("POST", "/books/1/customers", supplier, expect=201)
    first = expense(scanned(PDF, meta={"InvoiceNo": "F-77"}, frames=2), scanned(PNG, type="Png"))
    second = expense(scanned(b"later", approved=False), posted=False)
    for one in (first, second):
        demo.control("POST", "/books/1/vouchers", one, expect=201)
    return demo


def info(soap: SoapClient, *, before: str = "", required: str = NOBODY_ASKS, after: str = "") -> list[Answer]:
    inner = f"<parameters>{before}{required}{after}</parameters>"
    return soap.call("GetFileInfo", inner).all("ImageFile")


def ids(found: list[Answer]) -> list[str]:
    return [file["Id"] for file in found]


def file(number: int) -> str:
    return f"<file><Id>{number}</Id><Type>Pdf</Type><StampNo>501</StampNo></file>"


def md5(content: bytes) -> str:
    return hashlib.md5(content, usedforsecurity=False).hexdigest()


def chunk(soap: SoapClient, number: int, offset: int, size: int) -> bytes:
    inner = f"{file(number)}<offset>{offset}</offset><bufferSize>{size}</bufferSize>"
    return base64.b64decode(soap.call("DownloadChunk", inner)["DownloadChunkResult"])


def test_files_are_found_by_the_stamp_of_a_line(archive: SoapClient) -> None:
    stamp = archive.records("vouchers")[0]["lines"][0]["stamp"]
    found = info(archive, before=f"<StampNo><int>{stamp}</int></StampNo>")
    assert [(one["Id"], one["Type"]) for one in found] == [("1", "Pdf"), ("2", "Png")]
    assert [one["Key"] for one in found[0].all("StampMeta/KeyValuePair")] == ["InvoiceNo"]
    assert [one["Id"] for one in found[0].all("ImageFrameInfo")] == ["1", "2"]


@pytest.mark.parametrize(
    ("parameters", "found"),
    [
        ({"before": "<FileId><int>2</int><int>3</int></FileId>"}, ["2", "3"]),
        ({"required": '<HasStampNo xsi:nil="true"/><FileApproved>false</FileApproved>'}, ["3"]),
        ({"required": '<HasStampNo>true</HasStampNo><FileApproved xsi:nil="true"/>'}, ["1", "2", "3"]),
        ({"after": "<AttachmentStatus><FlagType>PostedInJournal</FlagType></AttachmentStatus>"}, ["1", "2"]),
        ({"after": "<AttachmentStatus><FlagType>Assigned</FlagType></AttachmentStatus>"}, ["3"]),
        ({"before": "<AttachmentRegisteredAfter>2026-03-18T00:00:00</AttachmentRegisteredAfter>"}, []),
    ],
)
def test_files_are_found_by_every_parameter(
    archive: SoapClient, parameters: dict[str, str], found: list[str]
) -> None:
    assert ids(info(archive, **parameters)) == found


def test_a_search_for_files_needs_a_parameter(archive: SoapClient) -> None:
    message = "Please specify at least one search parameter"
    assert archive.fault("GetFileInfo", f"<parameters>{NOBODY_ASKS}</parameters>") == message


def test_a_file_comes_in_chunks_that_add_up_to_its_checksum(archive: SoapClient) -> None:
    size = int(archive.call("GetSize", file(1))["GetSizeResult"])
    content = b"".join(chunk(archive, 1, offset, 5000) for offset in range(0, size, 5000))
    assert content == PDF
    assert archive.call("GetChecksum", file(1))["GetChecksumResult"] == md5(PDF)
    assert chunk(archive, 1, size, 5000) == b""


def test_a_chunk_with_its_overhead_must_fit_into_a_response(archive: SoapClient) -> None:
    longest = int(archive.call("GetMaxRequestLength")["GetMaxRequestLengthResult"]) * 1024
    assert chunk(archive, 2, 0, longest * 3 // 4) == PNG
    too_long = f"{file(2)}<offset>0</offset><bufferSize>{longest}</bufferSize>"
    assert archive.fault("DownloadChunk", too_long) == "Maximum request length exceeded."


def test_a_file_that_is_not_there_is_a_fault(archive: SoapClient) -> None:
    assert archive.fault("GetSize", UNKNOWN) == "File 99 does not exist."
    assert archive.fault("GetChecksum", UNKNOWN) == "File 99 does not exist."


def test_a_supplier_invoice_entered_by_hand_is_in_the_ledger(archive: SoapClient) -> None:
    [posted, waiting] = archive.records("vouchers")
    assert (posted["number"], posted["type"], posted["posted"]) == (40001, "Inngående faktura", True)
    assert (waiting["number"], waiting["posted"]) == (40002, False)
    assert [(line["account"], line["amount"], line["customer"], line["stamp"]) for line in posted["lines"]] == [
        (4300, "1250.00", None, 501),
        (2400, "-1250.00", 20001, 501),
    ]
    assert [(one["stamp"], one["md5"], one["approved"]) for one in archive.records("files")][1:] == [
        (501, md5(PNG), True),
        (502, md5(b"later"), False),
    ]


def test_vat_may_be_entered_as_separate_lines(archive: SoapClient) -> None:
    lines = [
        {"account": 4300, "amount": "1000.00", "tax": "1"},
        {"account": 2711, "amount": "250.00", "tax": "1"},
        {"account": 2400, "amount": "-1250.00", "customer": 20001},
    ]
    entered = archive.control("POST", "/books/1/vouchers", {"date": "2026-03-01", "lines": lines}, expect=201)
    assert (entered["number"], entered["lines"][1]["tax"]) == (40003, "1")


def test_manual_entries_follow_the_same_rules(archive: SoapClient) -> None:
    lopsided = {"date": "2026-03-01", "lines": [{"account": 4300, "amount": "1.00"}]}
    refused = archive.control("POST", "/books/1/vouchers", lopsided, expect=422)
    assert refused == {"detail": "Bilag 40003 er ikke i balanse, differansen er 1.00."}
    assert len(archive.records("vouchers")) == 2
