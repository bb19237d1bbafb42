"""The Attachment service: the scanned documents of vouchers, found by stamp and downloaded in chunks."""

from sandbox.twentyfour.dates import instant
from sandbox.twentyfour.sessions import Matchers, ServiceCall, matches_all, required
from sandbox.twentyfour.soap import SoapFaultError
from sandbox.twentyfour.state import Client, Fields, File

DAMAGE = bytes(255 - byte for byte in range(256))
"""Replaces each byte of a damaged file."""


def get_file_info(call: ServiceCall, request: Fields) -> list[Fields]:
    """Return the files that match every given search parameter, in the order of scanning."""
    wanted = {name: value for name, value in required(request, "parameters").items() if value != []}
    if not wanted:
        raise SoapFaultError("Please specify at least one search parameter")
    return [_as_fields(file) for file in call.client.files.values() if _matches(call.client, file, wanted)]


def _matches(client: Client, file: File, wanted: Fields) -> bool:
    matchers: Matchers = {
        "StampNo": lambda value: file.stamp in value,
        "FileId": lambda value: file.id in value,
        "AttachmentRegisteredAfter": lambda value: file.registered > instant(value),
        "AttachmentChangedAfter": lambda value: file.changed > instant(value),
        "HasStampNo": lambda value: value,
        "FileApproved": lambda value: file.approved == value,
        "AttachmentStatus": lambda value: not _flags(client, file).isdisjoint(value),
    }
    return matches_all(matchers, wanted)


def _flags(client: Client, file: File) -> set[str]:
    posted = {
        voucher.posted
        for voucher in client.vouchers.values()
        for line in voucher.lines
        if line.stamp == file.stamp
    }
    flags = {"Approved" if file.approved else "Assigned"}
    return flags | {"PostedInJournal" if is_posted else "PrepostedInJournal" for is_posted in posted}


def _as_fields(file: File) -> Fields:
    meta = [{"Key": key, "Value": value} for key, value in file.meta.items()]
    frames = [
        {"Id": number + 1, "Uri": "", "StampNo": file.stamp, "MetaData": meta, "Status": 0}
        for number in range(file.frames)
    ]
    return {"Id": file.id, "Type": file.type, "StampNo": file.stamp, "StampMeta": meta, "FrameInfo": frames}


def get_size(call: ServiceCall, request: Fields) -> int:
    return len(_file(call, request).content)


def download_chunk(call: ServiceCall, request: Fields) -> bytes:
    """Return a part of a file; base64 makes four bytes of three, and the response has a maximum length."""
    offset, size = request["offset"], request["bufferSize"]
    if size * 4 // 3 > call.allowance.max_request_kb * 1024:
        raise SoapFaultError("Maximum request length exceeded.")
    file = _file(call, request)
    chunk = file.content[offset : offset + size]
    return chunk.translate(DAMAGE) if file.damaged else chunk


def get_checksum(call: ServiceCall, request: Fields) -> str:
    return _file(call, request).md5


def get_max_request_length(call: ServiceCall, _request: Fields) -> int:
    """Return the maximum length of a request or a response, in kB."""
    return call.allowance.max_request_kb


def _file(call: ServiceCall, request: Fields) -> File:
    number = required(request, "file")["Id"]
    if number not in call.client.files:
        raise SoapFaultError(f"File {number} does not exist.")
    return call.client.files[number]
