"""Confirmation of a user's identity before secrets, users or webhook URLs change.

The page that asks for it carries the posted form, encrypted: no input is lost, and no page shows a secret.
"""

from dataclasses import replace
from urllib.parse import quote, urlsplit

from fastapi import Request, Response, status
from starlette.datastructures import FormData

from i18n.messages import msg
from models.users import sessions, sign_in
from models.users.throttle import TooManySignInsError
from web.dependencies import seal_form, text
from web.pages.sign_in import TOO_MANY, WRONG_CODE
from web.security.auth import UserContext, local_url
from web.security.client import client_address
from web.views.settings_form import REQUIRED_MESSAGE

PROOF = "proof"
"""The field with the password or code, with a name that no other form uses."""

WRONG_PASSWORD = msg("Incorrect password.")


class ConfirmationNeededError(Exception):
    """The user must confirm their identity first; nothing was changed."""

    def __init__(self, context: UserContext, form: FormData, message: str = "") -> None:
        super().__init__(message)
        self.context, self.form, self.message = context, form, message


def confirm_identity(context: UserContext, form: FormData) -> None:
    """Require that the user confirmed their identity recently, or does so in this form.

    Raises ConfirmationNeededError otherwise.
    """
    if context.session.is_confirmed(context.now):
        return
    proof = text(form, PROOF)
    if not proof or context.session.by_openid:
        raise ConfirmationNeededError(context, form, REQUIRED_MESSAGE if PROOF in form else "")
    user, address = context.current_user, client_address(context.request)
    database, vault, now = context.database, context.container.vault, context.now
    try:
        if user.has_factor:
            shown = sign_in.check_code(database, vault, user, proof, address=address, now=now)
        else:
            password = sign_in.check_password(database, user.email, proof, address=address, now=now)
            shown = replace(password, has_factor=False)  # a factor added meanwhile is still required
    except sign_in.SignInRefusedError:
        raise ConfirmationNeededError(context, form, WRONG_CODE if user.has_factor else WRONG_PASSWORD) from None
    except TooManySignInsError:
        raise ConfirmationNeededError(context, form, TOO_MANY) from None
    sessions.confirm(database, context.session.id, shown, now=now)


async def ask_for_confirmation(request: Request, error: Exception) -> Response:
    """Show the page that asks for confirmation, with the posted form in it."""
    assert isinstance(error, ConfirmationNeededError)  # noqa: S101 - registered for this error only
    came_from = local_url(urlsplit(request.headers.get("Referer", "")).path)
    return error.context.render(
        "confirm-identity.html",
        status=status.HTTP_403_FORBIDDEN,
        action=request.url.path,
        field_name=PROOF,
        sealed=seal_form(request, error.form, but=PROOF),
        errors={PROOF: error.message} if error.message else {},
        session=error.context.session,
        organization=f"/sign-in/openid?fresh=yes&next={quote(came_from)}",
    )
