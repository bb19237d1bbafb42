"""The mail with the link by which a user chooses a password."""

from datetime import datetime
from email.message import EmailMessage
from email.utils import make_msgid

from i18n.catalog import translations
from i18n.messages import msg, translate
from integrations.mail.new_mail import FOR_A_USER, domain_of, new_mail
from models.users.password_links import LinkToSend

UNASKED = msg("If you didn't ask for this, ignore this email: nothing changes. Don't forward it to anyone.")
PERSONAL = msg("The link is for you alone. Don't forward it to anyone.")


def compose_link(link: LinkToSend, address: str, *, sender: str, sent: datetime) -> EmailMessage:
    """Compose the mail with a link to ``address``."""
    language = link.language
    valid = translations(language).ngettext(
        "It can be used once, within {hours} hour.", "It can be used once, within {hours} hours.", link.hours
    )
    subject, message_id = translate(link.title, language), make_msgid(domain=domain_of(sender))
    mail = new_mail(subject, sender=sender, to=link.email, message_id=message_id, sent=sent)
    said = (
        translate(link.message, language),
        translate(msg("Choose your password here: {address}", address=address), language),
        valid.format(hours=link.hours),
        translate(PERSONAL if link.invites else UNASKED, language),
        f"-- \n{translate(FOR_A_USER, language)}",
    )
    mail.set_content("\n\n".join(said) + "\n")
    return mail
