"""Downloads of lists: streamed in blocks, a few at a time for each user, and only while the user has access.

The columns are in :mod:`.views.record_export`, :mod:`.views.reconciliation_export` and :mod:`.views.audit_log`.
"""

import weakref
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import islice

from fastapi import HTTPException, status
from fastapi.responses import StreamingResponse

from web.security.auth import UserContext, current_session

LINES_PER_BLOCK = 500
MAX_CONCURRENT = 3
"""Maximum number of files that a process sends to one user at a time."""

_sending: Counter[int] = Counter()
"""The number of files that are being sent, by user."""


class ExportEndedError(Exception):
    """The user lost access to the list. The file breaks off, so that it does not look complete."""


def send_file(context: UserContext, lines: Iterator[str], *, name: str, media_type: str) -> StreamingResponse:
    """Send lines as a file. Raises HTTPException (429) if the user already has MAX_CONCURRENT downloads."""
    user_id = context.current_user.id
    if _sending[user_id] >= MAX_CONCURRENT:
        raise HTTPException(status.HTTP_429_TOO_MANY_REQUESTS)
    _sending[user_id] += 1
    slot = _Slot()
    release = weakref.finalize(slot, _sending.subtract, [user_id])  # even if sending never begins
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return StreamingResponse(_blocks(context, lines, slot, release), media_type=media_type, headers=headers)


class _Slot:
    """Counts a file while it is being sent."""


def _blocks(
    context: UserContext, lines: Iterator[str], _slot: _Slot, release: Callable[[], object]
) -> Iterator[str]:
    """Yield many lines at a time, because each block takes a turn in the thread pool."""
    try:
        while block := "".join(islice(lines, LINES_PER_BLOCK)):
            session = current_session(context.request, context.container)
            if session is None or session.user.rights != context.current_user.rights:
                raise ExportEndedError
            yield block
    finally:
        release()
