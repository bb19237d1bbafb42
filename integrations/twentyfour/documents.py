"""Suppliers' documents in 24SevenOffice: the Attachment service, which returns files in chunks.

:mod:`sync.flows.documents` uploads them to Moment.
"""

from base64 import b64encode
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from hashlib import md5
from tempfile import TemporaryFile
from typing import BinaryIO

from zeep.helpers import serialize_object

from i18n.messages import msg
from integrations.twentyfour.client import SoapValue
from integrations.twentyfour.session import Session
from sync.error_codes.names import FAULT, FILE_BROKEN, FILE_GONE, FILE_TOO_LARGE
from sync.errors import RejectedError, UnavailableError
from sync.records import VoucherDocument, VoucherDocuments

ENVELOPE_BYTES = 4096  # maximum bytes of a response beside the chunk
MAX_CHUNK = 3 * 1024 * 1024  # bytes; lxml takes no text over 10 MB, and each thread holds copies of one
MAX_STAMPS = 500  # in one call: a megabyte or two of documents' names
MAX_FILE_BYTES = 100 * 1024 * 1024  # bytes of a document; a scanned invoice has a hundredth of that
MIN_CHUNK = 1024  # bytes, if 24SevenOffice returns no sensible length


def chunk_size(session: Session) -> int:
    """Return how many bytes of a file fit into one response, as base64 adds a third (GetMaxRequestLength)."""
    kilobytes: int = session.call("Attachment", "GetMaxRequestLength")
    fitting = (kilobytes * 1024 - ENVELOPE_BYTES) // 4 * 3
    return min(max(fitting, MIN_CHUNK), MAX_CHUNK)


def of_stamps(session: Session, stamps: Collection[int]) -> dict[int, VoucherDocuments]:
    """Return the documents of stamps by id (GetFileInfo, S34); a second call says which are approved."""
    documents: dict[int, VoucherDocuments] = {}
    ordered = sorted(stamps)
    for start in range(0, len(ordered), MAX_STAMPS):
        batch = ordered[start : start + MAX_STAMPS]
        files = _search(session, StampNo={"int": batch})
        approved = _search(session, StampNo={"int": batch}, FileApproved=True) if files else []
        documents |= {stamp: _documents(stamp, files, approved) for stamp in batch}
    return documents


@contextmanager
def open_document(
    session: Session, document: VoucherDocument, *, chunk: int, renew_lease: Callable[[], None]
) -> Iterator[BinaryIO]:
    """Download a document in chunks (GetSize, DownloadChunk, GetChecksum). Raises RejectedError."""
    with TemporaryFile() as content:
        with _explaining_if_gone(session, document):
            digest = _download(session, document, content, chunk=chunk, renew_lease=renew_lease)
            checksum = session.call("Attachment", "GetChecksum", file=document.handle)
        if not _is_checksum_of(checksum, digest):
            raise RejectedError(
                msg(
                    "A document ({type}, id {id}) is corrupt in 24SevenOffice.", type=document.type, id=document.id
                ),
                error_code=FILE_BROKEN,
            )
        content.seek(0)
        yield content


def _download(
    session: Session, document: VoucherDocument, content: BinaryIO, *, chunk: int, renew_lease: Callable[[], None]
) -> bytes:
    """Write a document to ``content`` and return its md5, which also shows whether it was too short."""
    size: int = session.call("Attachment", "GetSize", file=document.handle)
    if size > MAX_FILE_BYTES:
        raise RejectedError(
            msg(
                "A document ({type}, id {id}) has {size} MiB, which is too large to copy to Moment.",
                type=document.type,
                id=document.id,
                size=size // 1024**2,
            ),
            error_code=FILE_TOO_LARGE,
        )
    checksum = md5(usedforsecurity=False)
    for _ in range(2 * (size // chunk + 1)):  # if all chunks are much too short, the document is broken
        offset = content.tell()
        if offset >= size:
            break
        length = min(chunk, size - offset)
        renew_lease()
        part = session.call("Attachment", "DownloadChunk", file=document.handle, offset=offset, bufferSize=length)
        if not part:
            break
        content.write(part)
        checksum.update(part)
        del part  # otherwise it is kept while the next one is made
    return checksum.digest()


def _is_checksum_of(checksum: str | None, digest: bytes) -> bool:
    """Compare an md5 written in hexadecimal, with or without dashes, or in base64."""
    text = (checksum or "").strip()
    return text.replace("-", "").lower() == digest.hex() or text == b64encode(digest).decode()


@contextmanager
def _explaining_if_gone(session: Session, document: VoucherDocument) -> Iterator[None]:
    """Raise RejectedError if a fault means that the document is missing, which only the list of files shows."""
    try:
        yield
    except UnavailableError as error:
        if error.error_code != FAULT or _search(session, FileId={"int": [int(document.id)]}):
            raise
        gone = msg(
            "A document ({type}, id {id}) no longer exists in 24SevenOffice.", type=document.type, id=document.id
        )
        raise RejectedError(gone, error_code=FILE_GONE) from error


def _documents(stamp: int, found: Sequence[SoapValue], approved: Sequence[SoapValue]) -> VoucherDocuments:
    ids = {file.Id for file in approved}
    own = sorted((file for file in approved if file.StampNo == stamp), key=_page_and_id)
    return VoucherDocuments(
        approved=tuple(map(_document, own)),
        pending=any(file.Id not in ids for file in found if file.StampNo == stamp),
    )


def _page_and_id(file: SoapValue) -> tuple[int, int]:
    """Return a file's page number in its document, 0 if it has none (PageNo), and its id."""
    page = _metadata(file).get("PageNo", "")
    return (int(page) if page.isdecimal() else 0, int(file.Id))


def _search(session: Session, **parameters: object) -> Sequence[SoapValue]:
    files: Sequence[SoapValue] | None = session.call("Attachment", "GetFileInfo", parameters=parameters)
    return files or []


def _document(file: SoapValue) -> VoucherDocument:
    metadata = _metadata(file)
    return VoucherDocument(
        id=str(file.Id),
        type=file.Type.lower(),
        supplier=metadata.get("CustomerName", ""),
        invoice_number=metadata.get("InvoiceNo", ""),
        handle=serialize_object(file, dict),  # to be sent back unchanged
    )


def _metadata(file: SoapValue) -> dict[str, str]:
    """Return the values that 24SevenOffice read from a document: from the whole, else from its first pages."""
    pages = file.FrameInfo.ImageFrameInfo if file.FrameInfo else ()
    sources = [file.StampMeta, *(page.MetaData for page in pages)]
    return {
        pair.Key: pair.Value
        for source in reversed(sources)
        for pair in (source.KeyValuePair if source else ())
        if pair.Value
    }
