"""The way out for mails: one SMTP server, every failure in our errors."""

import smtplib
import ssl
from email.message import EmailMessage
from urllib.parse import unquote, urlsplit

from pydantic import SecretStr

from i18n.messages import msg
from sync.errors import RejectedError, UnavailableError

_PORTS = {"smtp": 25, "smtp+starttls": 587, "smtps": 465}
_NO_SUCH_ADDRESS = (550, 551, 553)
_POLICY = b"5.7."  # such an answer is about us or our server: the same address may be taken tomorrow


class Mailer:
    """Sends mails, each on a connection of its own; ``timeout`` are seconds for each answer of the server.

    ``smtp_url`` is ``smtp://``, ``smtp+starttls://`` or ``smtps://``, with ``user:password@`` where the server
    asks for it (percent-encoded). Raises ValueError for any other.
    """

    def __init__(self, smtp_url: SecretStr, *, timeout: float) -> None:
        url = urlsplit(smtp_url.get_secret_value())
        if url.scheme not in _PORTS or not url.hostname:
            raise ValueError("the mail server is given as smtp://, smtp+starttls:// or smtps:// and its name")
        self._scheme = url.scheme
        self._host = url.hostname
        self._port = url.port or _PORTS[url.scheme]
        self._login = (unquote(url.username), unquote(url.password or "")) if url.username else None
        self._timeout = timeout

    def send(self, message: EmailMessage) -> None:
        """Hand a mail over to the server.

        Raises UnavailableError where the server did not take it now; sent again later, it may arrive twice with
        one Message-ID. Raises RejectedError where one of its addresses does not exist; all others have it.
        """
        try:
            with self._connect() as server:
                if self._scheme == "smtp+starttls":
                    server.starttls(context=ssl.create_default_context())
                if self._login:
                    server.login(*self._login)
                refused = server.send_message(message)
        except smtplib.SMTPRecipientsRefused as error:
            refused = error.recipients
        except (smtplib.SMTPException, OSError) as error:
            down = msg("The mail server {server} did not take a mail.", server=self._host)
            raise UnavailableError(down, error_code="mail") from error
        if refused:
            raise _refusal(refused)

    def _connect(self) -> smtplib.SMTP:
        if self._scheme == "smtps":
            trusted = ssl.create_default_context()
            return smtplib.SMTP_SSL(self._host, self._port, timeout=self._timeout, context=trusted)
        return smtplib.SMTP(self._host, self._port, timeout=self._timeout)


def _refusal(refused: dict[str, tuple[int, bytes]]) -> RejectedError | UnavailableError:
    answers = (f"{address} ({code} {said.decode(errors='replace')})" for address, (code, said) in refused.items())
    whom = ", ".join(answers)
    if all(code in _NO_SUCH_ADDRESS and not said.startswith(_POLICY) for code, said in refused.values()):
        return RejectedError(
            msg("The mail server does not take mails for {addresses}.", addresses=whom),
            error_code="mail_address",
            remedy=msg("Correct the e-mail addresses in the settings of the connection."),
        )
    return UnavailableError(
        msg("The mail server does not take mails for {addresses} now.", addresses=whom), error_code="mail"
    )
