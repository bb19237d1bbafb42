"""The headers that all our mails have, and the mail with a link to choose a password."""

from datetime import datetime
from email.header import Header
from email.headerregistry import HeaderRegistry, UniqueUnstructuredHeader
from email.message import EmailMessage
from email.policy import Policy, default
from email.utils import format_datetime, formataddr, make_msgid, parseaddr

import idna

from i18n.catalog import translations
from i18n.formatting import OSLO
from i18n.messages import msg, translate
from models.users.password_links import LinkToSend

UNASKED = msg("If you didn't ask for this, ignore this email: nothing changes. Don't forward it to anyone.")
PERSONAL = msg("The link is for you alone. Don't forward it to anyone.")
FOR_A_USER = msg(
    "You receive this because you have an account with the integration between Moment and 24SevenOffice."
)


class _Subject(UniqueUnstructuredHeader):
    """A subject that is encoded as a whole: folded at a space, it could be read with two spaces."""

    def fold(self, *, policy: Policy) -> str:
        encoded = Header(str(self), "utf-8", header_name="Subject").encode(linesep=policy.linesep)
        return f"Subject: {encoded}{policy.linesep}"


_HEADERS = HeaderRegistry()
_HEADERS.map_to_type("subject", _Subject)  # type: ignore[arg-type]  # it makes a class of this and BaseHeader
_POLICY = default.clone(header_factory=_HEADERS)


def new_mail(subject: str, *, sender: str, to: str, message_id: str, sent: datetime) -> EmailMessage:
    """Return a mail without content. ``message_id`` (``<...@...>``) identifies a mail that is sent twice."""
    mail = EmailMessage(policy=_POLICY)
    mail["Subject"] = subject
    name, address = parseaddr(sender)
    mail["From"] = formataddr((name, in_ascii(address)))
    mail["To"] = in_ascii(to)
    mail["Date"] = format_datetime(sent.astimezone(OSLO))
    mail["Message-ID"] = message_id
    mail["Auto-Submitted"] = "auto-generated"  # no out-of-office answers, please
    return mail


def domain_of(sender: str) -> str:
    """Return the domain of a sender such as ``Name <a@b.no>``, in ASCII, for the ids of its mails."""
    return in_ascii(parseaddr(sender)[1]).rpartition("@")[2]


def in_ascii(address: str) -> str:
    """Return an address whose domain, such as blåbær.no, is in the ASCII form that every mail server accepts."""
    local, _, domain = address.rpartition("@")
    return f"{local}@{domain if domain.isascii() else idna.encode(domain, uts46=True).decode()}"


def compose_link(link: LinkToSend, address: str, *, sender: str, sent: datetime) -> EmailMessage:
    """Compose the mail with a link to ``address``."""
    language = link.language
    valid = translations(language).ngettext(
        "It can be used once, within {hours} hour.", "It can be used once, within {hours} hours.", link.hours
    )
    subject, message_id = translate(link.title, language), make_msgid(domain=domain_of(sender))
    mail = new_mail(subject, sender=sender, to=link.email, message_id=message_id, sent=sent)
    paragraphs = (
        translate(link.message, language),
        translate(msg("Choose your password here: {address}", address=address), language),
        valid.format(hours=link.hours),
        translate(PERSONAL if link.invites else UNASKED, language),
        f"-- \n{translate(FOR_A_USER, language)}",
    )
    mail.set_content("\n\n".join(paragraphs) + "\n")
    return mail
