"""A user's own second factor: setting it up with an app, new recovery codes, and removing it."""

from collections.abc import Sequence

import segno
from cryptography.fernet import InvalidToken
from fastapi import APIRouter, HTTPException, Response, status
from markupsafe import Markup

from i18n.messages import msg
from models.users import second_factor
from web.dependencies import Form, text
from web.pages.confirmation import confirm_identity
from web.pages.sign_in import requested_url
from web.security.auth import SET_UP_FACTOR, Reader, UserContext

router = APIRouter(prefix=SET_UP_FACTOR)

DONE = {"removed": msg("Second factor removed. You now sign in with your password only.")}
WRONG_CODE = msg("Incorrect code. Check that the clock on your phone is right.")


@router.get("")
def show(context: Reader) -> Response:
    return _page(context, second_factor.offer(context.container.vault, context.current_user))


@router.post("")
def set_up(context: Reader, form: Form) -> Response:
    """Accept the code that proves that the app has the secret, and show the recovery codes once."""
    container, offered = context.container, text(form, "offered")
    if not context.current_user.has_password:
        raise HTTPException(status.HTTP_404_NOT_FOUND)
    confirm_identity(context, form)
    try:
        codes = second_factor.set_up(
            context.database,
            container.vault,
            context.current_user,
            offered,
            text(form, "code"),
            session_id=context.session.id,
            now=context.now,
        )
    except second_factor.WrongCodeError:
        return _page(context, offered, error=WRONG_CODE)
    except InvalidToken:
        raise HTTPException(status.HTTP_400_BAD_REQUEST) from None
    return _show_codes(context, codes)


@router.post("/recovery-codes")
def make_recovery_codes(context: Reader, form: Form) -> Response:
    _confirm_with_factor(context, form)
    user, session_id = context.current_user, context.session.id
    codes = second_factor.new_recovery_codes(context.database, user, session_id=session_id, now=context.now)
    return _show_codes(context, codes)


@router.post("/remove")
def remove(context: Reader, form: Form) -> Response:
    _confirm_with_factor(context, form)
    user, session_id = context.current_user, context.session.id
    second_factor.remove(context.database, user, session_id=session_id, now=context.now)
    return context.redirect(SET_UP_FACTOR, "removed")


def _confirm_with_factor(context: UserContext, form: Form) -> None:
    """Require confirmation of the user's identity. Responds with 404 if they have no second factor."""
    confirm_identity(context, form)
    if not context.current_user.has_factor:
        raise HTTPException(status.HTTP_404_NOT_FOUND)


def _page(context: UserContext, offered: str, *, error: str = "") -> Response:
    user = context.current_user
    key, address = second_factor.app_key(context.container.vault, user, offered)
    return context.render(
        "second-factor.html",
        status=status.HTTP_422_UNPROCESSABLE_CONTENT if error else status.HTTP_200_OK,
        offered=offered,
        key=" ".join(key[at : at + 4] for at in range(0, len(key), 4)),
        picture=Markup(segno.make(address, micro=False).svg_inline(scale=4, dark="#000", light="#fff")),  # noqa: S704 - drawn here
        codes_left=second_factor.recovery_codes_left(context.database, user.id),
        errors={"code": error} if error else {},
        done=DONE.get(context.take_notice().code),
    )


def _show_codes(context: UserContext, codes: Sequence[str]) -> Response:
    return context.render("recovery-codes.html", codes=codes, next=requested_url(context.request))
