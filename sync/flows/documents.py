"""The documents of a voucher, uploaded to its expenses under readable names.

:mod:`integrations.twentyfour.documents` reads them, and rejects a file that is too large.
"""

from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import count
from typing import BinaryIO

from i18n.messages import msg
from models import uploaded_documents
from sync.engine.context import SyncContext
from sync.engine.steps import Steps
from sync.error_codes.names import DOCUMENT, INVOICED
from sync.errors import OutcomeUnknownError, RejectedError
from sync.records import VoucherDocument, VoucherDocuments
from sync.rules.normalization import clean

TYPES = {
    "pdf": (".pdf", "application/pdf"),
    "png": (".png", "image/png"),
    "jpeg": (".jpg", "image/jpeg"),
    "tiff": (".tif", "image/tiff"),
    "gif": (".gif", "image/gif"),
    "bmp": (".bmp", "image/bmp"),
    "wmf": (".wmf", "image/wmf"),
}
"""Extension and media type, by the type of a document in 24SevenOffice."""

UNKNOWN = (".bin", "application/octet-stream")

MAX_STEM_LENGTH = 100


def merge_documents(documents_by_stamp: Iterable[VoucherDocuments]) -> VoucherDocuments:
    """Return the documents of several stamps as one."""
    parts = list(documents_by_stamp)
    approved = tuple(document for part in parts for document in part.approved)
    return VoucherDocuments(approved, pending=any(part.pending for part in parts))


def supplier_and_invoice_number(documents: VoucherDocuments) -> tuple[str, str]:
    """Return the supplier and the invoice number as read from the first document that shows either (S7)."""
    readable = (each for each in documents.approved if each.supplier or each.invoice_number)
    return next(((each.supplier, each.invoice_number) for each in readable), ("", ""))


@dataclass(frozen=True, slots=True)
class _Expense:
    """An expense that lacks documents: the names that Moment shows, and our names by document id."""

    id: str
    names: Sequence[str]
    uploaded: dict[str, str]


def sync_documents(
    context: SyncContext,
    expense_ids: Iterable[str],
    documents: Sequence[VoucherDocument],
    *,
    stem: str,
    steps: Steps,
) -> bool:
    """Upload the documents that a voucher's expenses lack, in order. Return whether any was lacking.

    A document that an interrupted attempt uploaded is recognized by its name in Moment. So if one fails for an
    expense, the following ones are not uploaded, as their names would change. ``steps`` collects the errors.
    """
    expenses = [found for each in expense_ids if (found := steps.take(_find_incomplete, context, each, documents))]
    is_incomplete = bool(expenses)
    for document in documents:
        with ExitStack() as stack:
            without = [each for each in expenses if document.id not in each.uploaded]
            not_in_moment = (each for each in without if _name(document, stem, each) not in each.names)
            first = next(not_in_moment, None)
            content = steps.take(_fetch, context, stack, document, _name(document, stem, first)) if first else None
            if first and content is None:
                return True
            failed = [
                each.id for each in without if not steps.take(_upload, context, each, document, stem, content)
            ]
        expenses = [each for each in expenses if each.id not in failed]
    return is_incomplete


def _find_incomplete(
    context: SyncContext, expense_id: str, documents: Sequence[VoucherDocument]
) -> _Expense | None:
    """Return the expense if it lacks any of the documents and still exists."""
    uploaded = uploaded_documents.find(context.database, context.connection.id, expense_id)
    if all(document.id in uploaded for document in documents):
        return None
    names = context.moment.document_names(expense_id)
    return None if names is None else _Expense(expense_id, names, uploaded)


def _fetch(context: SyncContext, stack: ExitStack, document: VoucherDocument, name: str) -> BinaryIO:
    try:
        return stack.enter_context(context.erp.open_document(document, renew_lease=context.renew_lease))
    except RejectedError as error:
        raise _upload_error(name, error) from error


def _upload(
    context: SyncContext, expense: _Expense, document: VoucherDocument, stem: str, content: BinaryIO | None
) -> bool:
    """Upload a document unless it exists, and save that it was uploaded."""
    name = _name(document, stem, expense)
    if content and name not in expense.names:
        content.seek(0)
        context.renew_lease()
        try:
            context.moment.upload_document(
                expense.id, name=name, media_type=_media_type(document)[1], content=content
            )
        except RejectedError as error:
            if error.error_code == INVOICED:
                raise
            raise _upload_error(name, error) from error
    database, connection_id = context.database, context.connection.id
    uploaded_documents.save(
        database, connection_id, expense.id, document_id=document.id, name=name, now=context.clock()
    )
    expense.uploaded[document.id] = name
    return True


def _upload_error(name: str, error: RejectedError) -> OutcomeUnknownError:
    """Return the error for a document that could not be uploaded: it is retried, and finally shown to a person."""
    return OutcomeUnknownError(
        msg(
            "The expense is in Moment, but its document “{name}” couldn't be copied: {problem}",
            name=name,
            problem=error.message,
        ),
        error_code=DOCUMENT,
        otherwise=error,
    )


def _name(document: VoucherDocument, stem: str, expense: _Expense) -> str:
    """Return a name for a document that no earlier document of the expense has."""
    suffix, taken = _media_type(document)[0], expense.uploaded.values()
    names = (f"{stem}{suffix}" if n == 1 else f"{stem} ({n}){suffix}" for n in count(1))
    return next(name for name in names if name not in taken and uploaded_documents.erased_name(name) not in taken)


def _media_type(document: VoucherDocument) -> tuple[str, str]:
    return TYPES.get(document.type, UNKNOWN)


def file_stem(invoice_name: str, voucher: str) -> str:
    """Return the name of a voucher's documents without extension, from the name of its invoice."""
    plain = "".join(
        c if c.isalnum() or c in " -_.,&()+" else "-" for c in clean(invoice_name, max_length=MAX_STEM_LENGTH)
    )
    return plain.strip(" .") or f"voucher {voucher}"
