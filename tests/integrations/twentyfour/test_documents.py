import base64
from hashlib import md5

import pytest

from integrations.twentyfour import documents
from integrations.twentyfour.documents import MAX_CHUNK
from integrations.twentyfour.session import Session
from sync.errors import RejectedError
from sync.records import VoucherDocument
from tests.http_server import Answer
from tests.integrations.twentyfour.remote import ACCOUNTING, Remote, says, value_of

CONTENT = b"%PDF-1.7"
DIGEST = md5(CONTENT, usedforsecurity=False)
FILE = VoucherDocument("7", "pdf", handle={"Id": 7, "Type": "Pdf", "StampNo": 501})


@pytest.fixture(autouse=True)
def _let_in(remote: Remote) -> None:
    remote.answers["Login"] = [says("Login", "session")]


def answer(operation: str, result: str) -> Answer:
    return says(operation, result, namespace=ACCOUNTING)


def test_a_pages_values_count_if_the_whole_document_has_none(remote: Remote, session: Session) -> None:
    pair = "<KeyValuePair><Key>{}</Key><Value>{}</Value></KeyValuePair>"
    page = (
        "<ImageFrameInfo><Id>1</Id><StampNo>1</StampNo><MetaData>{}</MetaData><Status>0</Status></ImageFrameInfo>"
    )
    pages = "".join(page.format(pair.format("CustomerName", name)) for name in ("", "First AS", "Second AS"))
    pages += page.format(pair.format("InvoiceNo", "of the page"))
    whole = f"<StampMeta>{pair.format('InvoiceNo', 'F-77')}</StampMeta><FrameInfo>{pages}</FrameInfo>"
    file = "<ImageFile><Id>{}</Id><Type>Jpeg</Type><StampNo>1</StampNo>{}</ImageFile>"
    remote.answers["GetFileInfo"] = [answer("GetFileInfo", file.format(10, whole) + file.format(9, ""))]
    found = documents.of_stamps(session, [1])[1].approved
    assert [(each.id, each.type, each.supplier, each.invoice_number) for each in found] == [
        ("9", "jpeg", "", ""),
        ("10", "jpeg", "First AS", "F-77"),
    ]


def test_the_files_of_a_document_come_in_the_order_of_their_pages(remote: Remote, session: Session) -> None:
    page = "<StampMeta><KeyValuePair><Key>PageNo</Key><Value>{}</Value></KeyValuePair></StampMeta>"
    file = "<ImageFile><Id>{}</Id><Type>Jpeg</Type><StampNo>1</StampNo>{}</ImageFile>"
    files = "".join(file.format(n, page.format(number)) for n, number in ((7, 10), (8, 2), (9, 1), (6, 2)))
    remote.answers["GetFileInfo"] = [answer("GetFileInfo", files)]
    assert [each.id for each in documents.of_stamps(session, [1])[1].approved] == ["9", "6", "8", "7"]


def held_against(remote: Remote, session: Session, checksum: str, *, size: int = len(CONTENT)) -> bytes:
    """Fetch a document that comes in parts of three bytes, whatever was asked for."""
    parts = [CONTENT[:3], CONTENT[3:6], CONTENT[6:], b""]
    remote.answers |= {
        "GetSize": [answer("GetSize", str(size))],
        "DownloadChunk": [answer("DownloadChunk", base64.b64encode(part).decode()) for part in parts],
        "GetChecksum": [answer("GetChecksum", checksum)],
    }
    with documents.open_document(session, FILE, chunk=4, renew_lease=lambda: None) as content:
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
def test_a_chunk_fits_into_a_response_and_into_memory(
    remote: Remote, session: Session, kilobytes: int, chunk: int
) -> None:
    remote.answers["GetMaxRequestLength"] = [answer("GetMaxRequestLength", str(kilobytes))]
    assert documents.chunk_size(session) == chunk
