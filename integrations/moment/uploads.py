"""A file on its way to Moment: the body of a form, made a piece at a time so that no file is ever held whole."""

from collections.abc import Iterator
from functools import partial
from io import SEEK_END
from typing import BinaryIO
from uuid import uuid4

_PIECE = 64 * 1024
_PLAIN = frozenset(" -_.,&()+")


class Upload:
    """A form with one file (assumption M4), which can be sent once.

    Args:
        content: is read from where it stands to its end.
        name: of the file; what is neither a letter, a digit nor one of ``-_.,&()+`` and space becomes a hyphen.
        media_type: the file's media type, such as "application/pdf".
    """

    def __init__(self, content: BinaryIO, *, name: str, media_type: str) -> None:
        boundary = uuid4().hex
        plain = "".join(c if c.isalnum() or c in _PLAIN else "-" for c in name)
        self.media_type = f"multipart/form-data; boundary={boundary}"
        self._head = (
            f"--{boundary}\r\n"
            f'Content-Disposition: form-data; name="file"; filename="{plain}"\r\n'
            f"Content-Type: {media_type}\r\n\r\n"
        ).encode()
        self._content = content
        self._tail = f"\r\n--{boundary}--\r\n".encode()
        self._length = len(self._head) + _remaining(content) + len(self._tail)

    def __len__(self) -> int:
        return self._length

    def __iter__(self) -> Iterator[bytes]:
        yield self._head
        yield from iter(partial(self._content.read, _PIECE), b"")
        yield self._tail


def _remaining(content: BinaryIO) -> int:
    start = content.tell()
    end = content.seek(0, SEEK_END)
    content.seek(start)
    return end - start
