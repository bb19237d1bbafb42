"""The mailbox: it accepts all mail by SMTP, and shows it over HTTP."""

from collections.abc import Callable
from datetime import datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Literal

from aiosmtpd.smtp import SMTP, Envelope, Session
from fastapi import FastAPI, Request, Response
from fastapi.templating import Jinja2Templates
from pydantic import BaseModel, Field

TEMPLATES = Jinja2Templates(Path(__file__).parent / "templates")


class Mail(BaseModel):
    """A mail: the recipients of its envelope, and its readable parts."""

    to: list[str]
    sender: str = Field(serialization_alias="from")
    subject: str
    text: str
    html: str
    at: datetime


class Fault(BaseModel):
    """How many of the next mails are refused for now."""

    kind: Literal["refuse"]
    times: int = Field(default=1, ge=1)


class Mailbox:
    def __init__(self, *, clock: Callable[[], datetime]) -> None:
        self._clock = clock
        self.mails: list[Mail] = []
        self.refusals = 0

    def connection(self) -> SMTP:
        """Make the SMTP side of one connection, for the event loop's servers."""
        return SMTP(self, hostname="localhost", enable_SMTPUTF8=True)

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802 - the name is aiosmtpd's
        """Accept a mail, or refuse it for now; return SMTP's response."""
        if self.refusals:
            self.refusals -= 1
            return "451 Try again later"
        self.mails.append(_read(envelope, at=self._clock()))
        return "250 OK"


def create_pages(mailbox: Mailbox) -> FastAPI:
    """Make the pages of the mailbox, and the routes by which a test reads and controls it."""
    app = FastAPI(title="Mailbox", openapi_url=None)

    @app.get("/")
    async def page(request: Request) -> Response:
        return TEMPLATES.TemplateResponse(request, "mailbox.html", {"mails": mailbox.mails})

    @app.get("/mails")
    async def mails() -> list[Mail]:
        return mailbox.mails

    @app.delete("/mails", status_code=204)
    async def delete() -> None:
        mailbox.mails.clear()

    @app.post("/faults", status_code=201)
    async def refuse(fault: Fault) -> Fault:
        mailbox.refusals += fault.times
        return fault

    return app


def _read(envelope: Envelope, *, at: datetime) -> Mail:
    content = (envelope.original_content or b"").replace(b"\r\n", b"\n")
    message = message_from_bytes(content, policy=policy.default)
    return Mail(
        to=envelope.rcpt_tos,
        sender=envelope.mail_from or "",
        subject=message["Subject"] or "",
        text=_part(message, "plain"),
        html=_part(message, "html"),
        at=at,
    )


def _part(message: EmailMessage, kind: Literal["plain", "html"]) -> str:
    body = message.get_body((kind,))
    return "" if body is None else str(body.get_content())
