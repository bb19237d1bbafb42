"""The mail with the link by which a user chooses a password."""

from datetime import datetime
from email.message import EmailMessage
from email.utils import format_datetime, formataddr, make_msgid, parseaddr

from i18n.catalog import translations
from i18n.formatting import OSLO
from i18n.messages import msg, translate
from integrations.mail.alert_email import FOR_A_USER, HEADER_POLICY, in_ascii
from models.users.password_links import LinkToSend

UNASKED = msg("If you didn't ask for this, ignore this email: nothing changes. Don't forward it to anyone.")
PERSONAL = msg("The link is for you alone. Don't forward it to anyone.")


def compose_link(link: LinkToSend, address: str, *, sender: str, sent: datetime) -> EmailMessage:
    """Write the mail with a link to one of our pages."""
    language = link.language
    valid = translations(language).ngettext(
        "It can be used once, within {hours} hour.", "It can be used once, within {hours} hours.", link.hours
    )
    mail = EmailMessage(policy=HEADER_POLICY)
    mail["Subject"] = translate(link.title, language)
    name, from_address = parseaddr(sender)
    mail["From"] = formataddr((name, in_ascii(from_address)))
    mail["To"] = in_ascii(link.email)
    mail["Date"] = format_datetime(sent.astimezone(OSLO))
    mail["Message-ID"] = make_msgid(domain=in_ascii(from_address).rpartition("@")[2])
    mail["Auto-Submitted"] = "auto-generated"
    said = (
        translate(link.message, language),
        translate(msg("Choose your password here: {address}", address=address), language),
        valid.format(hours=link.hours),
        translate(PERSONAL if link.invites else UNASKED, language),
        f"-- \n{translate(FOR_A_USER, language)}",
    )
    mail.set_content("\n\n".join(said) + "\n")
    return mail
