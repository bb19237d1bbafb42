"""The SMTP client, which turns every failure into one of our errors."""

import smtplib
import ssl
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from email.message import EmailMessage
from typing import Any
from urllib.parse import unquote, urlsplit

from pydantic import SecretStr

from i18n.messages import msg
from sync.error_codes.names import MAIL, MAIL_ADDRESS
from sync.errors import RejectedError, UnavailableError

_PORTS = {"smtp": 25, "smtp+starttls": 587, "smtps": 465}
_NO_SUCH_ADDRESS = (550, 551, 553)
_POLICY = b"5.7."  # this status is about us or our server: the address may be accepted tomorrow

_GOODBYE_SECONDS = 2


class MailDelayedError(UnavailableError):
    """The server responds, but does not accept this mail now; it may accept others."""


class _Utf8(str):
    """Text that smtplib, which asks for ASCII, sends as UTF-8 (RFC 4616)."""

    __slots__ = ()

    def encode(self, _encoding: str = "utf-8", errors: str = "strict") -> bytes:
        return super().encode("utf-8", errors)


class _Smtp(smtplib.SMTP):
    """An SMTP client that accepts user names and passwords with any characters."""

    def auth(self, mechanism: str, authobject: Any, *, initial_response_ok: bool = True) -> tuple[int, bytes]:  # noqa: ANN401 - smtplib's signature
        def answer(challenge: bytes | None = None) -> Any:  # noqa: ANN401 - smtplib's signature
            said = authobject(challenge)
            return None if said is None else _Utf8(said)

        return super().auth(mechanism, answer, initial_response_ok=initial_response_ok)


class _SmtpOverTls(_Smtp, smtplib.SMTP_SSL):
    """The same client over TLS from the start."""


class Mailer:
    """Sends mails, each on its own connection; ``timeout`` is in seconds for each response of the server.

    ``smtp_url`` is ``smtp://``, ``smtp+starttls://`` or ``smtps://``, with ``user:password@`` (percent-encoded) if
    the server needs a login. Raises ValueError for any other.
    """

    def __init__(self, smtp_url: SecretStr, *, timeout: float) -> None:
        url = urlsplit(smtp_url.get_secret_value())
        if url.scheme not in _PORTS or not url.hostname:
            raise ValueError("the mail server is given as smtp://, smtp+starttls:// or smtps:// and its name")
        self._scheme = url.scheme
        self._host = url.hostname
        self._port = url.port or _PORTS[url.scheme]
        self._login = (_Utf8(unquote(url.username)), _Utf8(unquote(url.password or ""))) if url.username else None
        self._timeout = timeout

    def send(self, message: EmailMessage) -> None:
        """Send a mail to the server.

        Raises UnavailableError if the server did not accept it now, MailDelayedError if that is about this mail.
        If it is sent again, it may arrive twice with one Message-ID. Raises RejectedError if one of its addresses
        does not exist; all others have received it.
        """
        try:
            with self._connected() as server:
                refused_addresses = _send(server, message)
        except smtplib.SMTPRecipientsRefused as error:
            refused_addresses = error.recipients
        except (smtplib.SMTPException, OSError) as error:
            down = msg(
                "The mail server {server} rejected an email: {cause}", server=self._host, cause=_cause(error)
            )
            is_about_mail = isinstance(error, smtplib.SMTPDataError)
            raise (MailDelayedError if is_about_mail else UnavailableError)(down, error_code=MAIL) from error
        if refused_addresses:
            raise _refusal(refused_addresses)

    @contextmanager
    def _connected(self) -> Iterator[smtplib.SMTP]:
        """Connect and log in. An error when closing does not matter: accepted mails are on their way."""
        server = self._connect()
        try:
            if self._scheme == "smtp+starttls":
                server.starttls(context=ssl.create_default_context())
            if self._login:
                server.login(*self._login)
            yield server
            with suppress(smtplib.SMTPException, OSError):
                if server.sock:
                    server.sock.settimeout(_GOODBYE_SECONDS)
                server.quit()
        finally:
            server.close()

    def _connect(self) -> smtplib.SMTP:
        if self._scheme == "smtps":
            trusted = ssl.create_default_context()
            return _SmtpOverTls(self._host, self._port, timeout=self._timeout, context=trusted)
        return _Smtp(self._host, self._port, timeout=self._timeout)


def _send(server: smtplib.SMTP, message: EmailMessage) -> dict[str, tuple[int, bytes]]:
    try:
        return server.send_message(message)
    except smtplib.SMTPNotSupportedError as error:
        raise RejectedError(
            msg(
                "The mail server only accepts addresses with the letters a–z: {address}.",
                address=message["To"],
            ),
            error_code=MAIL_ADDRESS,
        ) from error


def _cause(error: smtplib.SMTPException | OSError) -> str:
    if isinstance(error, smtplib.SMTPResponseException):
        said = error.smtp_error
        return f"{error.smtp_code} {said.decode(errors='replace') if isinstance(said, bytes) else said}"
    return str(error) or type(error).__name__


def _refusal(refused: dict[str, tuple[int, bytes]]) -> RejectedError | UnavailableError:
    refusals = (f"{address} ({code} {said.decode(errors='replace')})" for address, (code, said) in refused.items())
    whom = ", ".join(refusals)
    if all(code in _NO_SUCH_ADDRESS and not said.startswith(_POLICY) for code, said in refused.values()):
        return RejectedError(
            msg("The mail server rejects email to {addresses}.", addresses=whom),
            error_code=MAIL_ADDRESS,
        )
    return MailDelayedError(
        msg("The mail server doesn't accept email to {addresses} right now.", addresses=whom), error_code=MAIL
    )
