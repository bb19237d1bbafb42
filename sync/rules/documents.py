"""The documents of a voucher, brought to an expense under names that a person understands."""

from collections.abc import Container, Iterable, Sequence
from itertools import count

from i18n.messages import msg
from models.inbox import files
from sync.engine.context import SyncContext
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
INVOICED = "invoiced"
"""Reason of Moment's refusal to touch an expense that has been invoiced."""

UNKNOWN = (".bin", "application/octet-stream")


def merged(several: Iterable[VoucherFiles]) -> VoucherFiles:
    """Tell the documents behind several stamps as those of one voucher."""
    found = list(several)
    approved = tuple(document for files in found for document in files.approved)
    return VoucherFiles(approved, pending=any(files.pending for files in found))


def read_off(files: VoucherFiles) -> tuple[str, str]:
    """Tell the supplier and the invoice number that were read off the first document that has either (S7)."""
    read = (file for file in files.approved if file.supplier or file.invoice_number)
    return next(((file.supplier, file.invoice_number) for file in read), ("", ""))


def sync_files(context: SyncContext, expense_id: str, documents: Sequence[VoucherFile], *, stem: str) -> int:
    """Bring what an expense lacks of its voucher's documents, in their order; tells how many.

    One that an attempt which broke off has brought is known by its name in Moment. An expense that was deleted
    there is given none.

    Raises:
        OutcomeUnknownError: a document could not be brought; it is tried again, and in the end a person is asked.
        RejectedError: the expense has been invoiced.
    """
    brought = files.synced(context.database, context.connection.id, expense_id)
    missing = [document for document in documents if document.id not in brought]
    there = context.moment.attachments(expense_id) if missing else None
    if there is None:
        return 0
    for document in missing:
        name = _name(document, stem, taken=brought.values())
        if name not in there:
            _sync_file(context, expense_id, document, name)
        files.save(
            context.database,
            context.connection.id,
            expense_id,
            file_id=document.id,
            name=name,
            now=context.clock(),
        )
        brought[document.id] = name
    return len(missing)


def _sync_file(context: SyncContext, expense_id: str, document: VoucherFile, name: str) -> None:
    try:
        with context.erp.fetch(document, renew_lease=context.renew_lease) as content:
            context.renew_lease()
            context.moment.attach(expense_id, name=name, media_type=_media_type(document)[1], content=content)
    except RejectedError as error:
        if error.error_code == INVOICED:
            raise
        raise OutcomeUnknownError(
            msg(
                "The expense is in Moment, but its document “{name}” could not be brought: {problem}",
                name=name,
                problem=error.message,
            ),
            error_code="document",
            otherwise=error,
        ) from error


def _name(document: VoucherFile, stem: str, *, taken: Container[str]) -> str:
    suffix = _media_type(document)[0]
    names = (f"{stem}{suffix}" if n == 1 else f"{stem} ({n}){suffix}" for n in count(1))
    return next(name for name in names if name not in taken and files.erased_name(name) not in taken)


def _media_type(document: VoucherFile) -> tuple[str, str]:
    return TYPES.get(document.type, UNKNOWN)


def stem_of(name: str, voucher: str) -> str:
    """Make a file's name, without its ending, from what a person calls the invoice."""
    plain = "".join(c if c.isalnum() or c in " -_.,&()+" else "-" for c in clean(name, max_length=100))
    return plain.strip(" .") or f"voucher {voucher}"
