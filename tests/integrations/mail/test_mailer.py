"""The mailer against a real SMTP server: what arrives there, and the errors when nothing does."""

import socket
import ssl
from collections.abc import Iterator
from email.message import EmailMessage
from pathlib import Path
from urllib.parse import quote

import pytest
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session
from pydantic import SecretStr

from integrations.mail import mailer
from integrations.mail.mailer import Mailer
from sync.errors import RejectedError, UnavailableError
from tests.integrations import certificate
from tests.integrations.mail.postbox import Postbox, listening


@pytest.fixture
def postbox() -> Postbox:
    return Postbox()


@pytest.fixture
def port(postbox: Postbox) -> Iterator[int]:
    with listening(postbox) as port:
        yield port


@pytest.fixture
def tls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ssl.SSLContext:
    """A server's certificate for 127.0.0.1, which clients of this test trust."""
    pem = certificate.made_in(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(pem))
    return certificate.of_server(pem)


def mail(to: str = "kari@example.com") -> EmailMessage:
    message = EmailMessage()
    message["Subject"] = "Faktura 1024 nådde ikke fram"
    message["From"] = "bridge@example.com"
    message["To"] = to
    message["Message-ID"] = "<alert-7@example.com>"
    message.set_content("Hei på deg")
    return message


def send(url: str, message: EmailMessage | None = None, *, timeout: float = 5) -> None:
    Mailer(SecretStr(url), timeout=timeout).send(message or mail())


def let_in(_server: SMTP, _session: Session, _envelope: Envelope, _mechanism: str, login: object) -> AuthResult:
    return AuthResult(success=login == LoginPassword(b"post", b"pass/word@"), handled=False)


def test_a_mail_arrives_as_it_was_written(postbox: Postbox, port: int) -> None:
    send(f"smtp://127.0.0.1:{port}")
    (arrived,) = postbox.mails
    assert (arrived.mail_from, arrived.rcpt_tos) == ("bridge@example.com", ["kari@example.com"])
    assert b"Message-ID: <alert-7@example.com>" in (arrived.original_content or b"")


def test_a_mail_travels_over_starttls_with_a_login(postbox: Postbox, tls: ssl.SSLContext) -> None:
    with listening(
        postbox, tls_context=tls, require_starttls=True, auth_required=True, authenticator=let_in
    ) as port:
        send(f"smtp+starttls://post:pass%2Fword%40@127.0.0.1:{port}")
    assert len(postbox.mails) == 1


def test_a_mail_travels_over_tls(postbox: Postbox, tls: ssl.SSLContext) -> None:
    with listening(postbox, ssl_context=tls) as port:
        send(f"smtps://127.0.0.1:{port}")
    assert len(postbox.mails) == 1


def test_a_server_without_a_trusted_certificate_gets_no_password(
    postbox: Postbox, tls: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SSL_CERT_FILE")
    with (
        listening(postbox, tls_context=tls, auth_required=True, authenticator=let_in) as port,
        pytest.raises(UnavailableError),
    ):
        send(f"smtp+starttls://post:pass%2Fword%40@127.0.0.1:{port}")
    assert postbox.mails == []


def test_a_wrong_password_is_shown_without_the_password(postbox: Postbox, tls: ssl.SSLContext) -> None:
    with (
        listening(postbox, tls_context=tls, auth_required=True, authenticator=let_in) as port,
        pytest.raises(
            UnavailableError, match=r"^The mail server 127\.0\.0\.1 rejected an email: 535 5\.7\.8 [\w ]+$"
        ),
    ):
        send(f"smtp+starttls://post:wrong@127.0.0.1:{port}")


@pytest.mark.parametrize("answer", ["451 Later", "421 Closing", "554 No"])
def test_a_mail_that_the_server_refuses_temporarily_is_sent_later(
    postbox: Postbox, port: int, answer: str
) -> None:
    postbox.answers["DATA"] = answer
    with pytest.raises(UnavailableError):
        send(f"smtp://127.0.0.1:{port}")
    postbox.answers.clear()
    send(f"smtp://127.0.0.1:{port}")
    assert len(postbox.mails) == 1


def test_an_address_that_does_not_exist_is_reported(postbox: Postbox, port: int) -> None:
    postbox.answers["kari@example.com"] = "550 No such user"
    with pytest.raises(RejectedError, match=r"email to kari@example\.com \(550 No such user\)\.") as refusal:
        send(f"smtp://127.0.0.1:{port}")
    assert refusal.value.remedy == "Correct the alert recipients in the connection's settings."


@pytest.mark.parametrize("answer", ["452 Full", "552 Full", "554 5.7.1 Relay access denied", "550 5.7.1 Blocked"])
def test_a_temporarily_refused_address_is_tried_later(postbox: Postbox, port: int, answer: str) -> None:
    postbox.answers["kari@example.com"] = answer
    with pytest.raises(UnavailableError):
        send(f"smtp://127.0.0.1:{port}")


def test_a_wrong_address_does_not_stop_a_mail_to_the_others(postbox: Postbox, port: int) -> None:
    postbox.answers["kari@example.com"] = "550 No such user"
    with pytest.raises(RejectedError):
        send(f"smtp://127.0.0.1:{port}", mail("kari@example.com, ola@example.com"))
    assert [arrived.rcpt_tos for arrived in postbox.mails] == [["ola@example.com"]]


def test_an_unreachable_server_means_later() -> None:
    with pytest.raises(UnavailableError):
        send("smtp://127.0.0.1:1")


def test_a_silent_server_means_later() -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        with pytest.raises(UnavailableError):
            send(f"smtp://127.0.0.1:{silent.getsockname()[1]}", timeout=0.2)


@pytest.mark.parametrize("url", ["", "127.0.0.1:25", "http://127.0.0.1", "smtp://"])
def test_a_url_that_is_no_mail_servers_is_refused_at_once(url: str) -> None:
    with pytest.raises(ValueError, match="the mail server is given as"):
        Mailer(SecretStr(url), timeout=1)


@pytest.mark.parametrize("goodbye", ["250 Bye", "421 Too late", "500 What?", "closes", "says nothing"])
def test_an_accepted_mail_is_sent_whatever_follows(
    postbox: Postbox, port: int, goodbye: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mailer, "_GOODBYE_SECONDS", 0.1)
    postbox.answers["QUIT"] = goodbye
    send(f"smtp://127.0.0.1:{port}")
    assert len(postbox.mails) == 1


@pytest.mark.parametrize("password", ["blåbær", "pass@word:/#", "pa%ss"])
def test_a_user_name_and_a_password_may_have_any_letters(
    postbox: Postbox, tls: ssl.SSLContext, password: str
) -> None:
    heard: list[LoginPassword] = []

    def authenticate(
        _server: SMTP, _session: Session, _envelope: Envelope, _mechanism: str, login: LoginPassword
    ) -> AuthResult:
        heard.append(login)
        return AuthResult(success=True)

    with listening(postbox, tls_context=tls, auth_required=True, authenticator=authenticate) as port:
        send(f"smtp+starttls://{quote('bjørn')}:{quote(password, safe='')}@127.0.0.1:{port}")
    assert heard == [LoginPassword("bjørn".encode(), password.encode())]
    assert len(postbox.mails) == 1


def test_an_address_the_server_cannot_encode_is_refused_and_not_retried(postbox: Postbox) -> None:
    with (
        listening(postbox, enable_SMTPUTF8=False) as port,
        pytest.raises(RejectedError, match=r"only accepts addresses with the letters a–z: bjørn@example\.com"),
    ):
        send(f"smtp://127.0.0.1:{port}", mail("bjørn@example.com"))


def test_the_servers_message_is_quoted(postbox: Postbox, port: int) -> None:
    postbox.answers["DATA"] = "451 Disk full"
    with pytest.raises(UnavailableError, match=r"rejected an email: 451 Disk full$"):
        send(f"smtp://127.0.0.1:{port}")
