"""The documents of a voucher, uploaded to its expenses under readable names."""

from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import count
from typing import BinaryIO

from i18n.messages import msg
from models.inbox import files
from sync.engine.context import SyncContext
from sync.engine.steps import Steps
from sync.error_codes.names import INVOICED
from sync.errors import OutcomeUnknownError, RejectedError
from sync.records import VoucherFile, VoucherFiles
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


def merged(files_by_stamp: Iterable[VoucherFiles]) -> VoucherFiles:
    """Return the documents of several stamps as one."""
    parts = list(files_by_stamp)
    approved = tuple(document for part in parts for document in part.approved)
    return VoucherFiles(approved, pending=any(part.pending for part in parts))


def supplier_and_invoice_number(files: VoucherFiles) -> tuple[str, str]:
    """Return the supplier and the invoice number as read from the first document that shows either (S7)."""
    readable = (file for file in files.approved if file.supplier or file.invoice_number)
    return next(((file.supplier, file.invoice_number) for file in readable), ("", ""))


@dataclass(frozen=True, slots=True)
class _Expense:
    """An expense that lacks documents: its file names in Moment, and the names of uploaded documents by id."""

    id: str
    attachments: Sequence[str]
    uploaded: dict[str, str]


def sync_files(
    context: SyncContext,
    expense_ids: Iterable[str],
    documents: Sequence[VoucherFile],
    *,
    stem: str,
    steps: Steps,
) -> bool:
    """Upload the documents that a voucher's expenses lack, in order. Return whether any was lacking.

    A document that an interrupted attempt uploaded is recognized by its name in Moment. So if one fails for an
    expense, the following ones are not uploaded, as their names would change. ``steps`` collects the errors.
    """
    expenses = [found for each in expense_ids if (found := steps.take(_incomplete, context, each, documents))]
    is_incomplete = bool(expenses)
    for document in documents:
        with ExitStack() as stack:
            without = [each for each in expenses if document.id not in each.uploaded]
            not_in_moment = (each for each in without if _name(document, stem, each) not in each.attachments)
            first = next(not_in_moment, None)
            content = steps.take(_fetch, context, stack, document, _name(document, stem, first)) if first else None
            if first and content is None:
                return True
            failed = [
                each.id for each in without if not steps.take(_upload, context, each, document, stem, content)
            ]
        expenses = [each for each in expenses if each.id not in failed]
    return is_incomplete


def _incomplete(context: SyncContext, expense_id: str, documents: Sequence[VoucherFile]) -> _Expense | None:
    """Return the expense if it lacks any of the documents and still exists."""
    uploaded = files.synced(context.database, context.connection.id, expense_id)
    if all(document.id in uploaded for document in documents):
        return None
    attachments = context.moment.attachments(expense_id)
    return None if attachments is None else _Expense(expense_id, attachments, uploaded)


def _fetch(context: SyncContext, stack: ExitStack, document: VoucherFile, name: str) -> BinaryIO:
    try:
        return stack.enter_context(context.erp.fetch(document, renew_lease=context.renew_lease))
    except RejectedError as error:
        raise _upload_error(name, error) from error


def _upload(
    context: SyncContext, expense: _Expense, document: VoucherFile, stem: str, content: BinaryIO | None
) -> bool:
    """Upload a document unless it exists, and save that it was uploaded."""
    name = _name(document, stem, expense)
    if content and name not in expense.attachments:
        content.seek(0)
        context.renew_lease()
        try:
            context.moment.attach(expense.id, name=name, media_type=_media_type(document)[1], content=content)
        except RejectedError as error:
            if error.error_code == INVOICED:
                raise
            raise _upload_error(name, error) from error
    database, connection_id = context.database, context.connection.id
    files.save(database, connection_id, expense.id, file_id=document.id, name=name, now=context.clock())
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
        error_code="document",
        otherwise=error,
    )


def _name(document: VoucherFile, stem: str, expense: _Expense) -> str:
    """Return a name for a document that no earlier document of the expense has."""
    suffix, taken = _media_type(document)[0], expense.uploaded.values()
    names = (f"{stem}{suffix}" if n == 1 else f"{stem} ({n}){suffix}" for n in count(1))
    return next(name for name in names if name not in taken and files.erased_name(name) not in taken)


def _media_type(document: VoucherFile) -> tuple[str, str]:
    return TYPES.get(document.type, UNKNOWN)


def stem_of(name: str, voucher: str) -> str:
    """Return a file name without its extension, from the name of the invoice."""
    plain = "".join(c if c.isalnum() or c in " -_.,&()+" else "-" for c in clean(name, max_length=100))
    return plain.strip(" .") or f"voucher {voucher}"
