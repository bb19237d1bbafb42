"""What people change about themselves: their password and the language of their pages."""

from collections.abc import Mapping
from functools import partial

from fastapi import APIRouter, Response, status
from fastapi.responses import RedirectResponse

from i18n.catalog import Language
from i18n.messages import msg
from models.users import repository as users
from models.users import sessions, sign_in
from models.users.passwords import InvalidInputError
from models.users.throttle import TooManySignInsError
from web.dependencies import Form, text
from web.pages.sign_in import TOO_MANY
from web.security.auth import Reader, UserContext
from web.security.cookies import SESSION
from web.security.proxy import client_address

router = APIRouter()

LANGUAGES = ((Language.NORWEGIAN, "Norsk bokmål"), (Language.ENGLISH, "English"))
DONE = {
    "password": msg("The new password holds from now on. You are signed out everywhere else."),
    "language": msg("The pages are in this language now."),
}
WRONG_PASSWORD = msg("This is not your present password.")
PASSWORDS_DIFFER = msg("This is not the same password as above.")


@router.get("/account")
def show(context: Reader, done: str = "") -> Response:
    return _page(context, done=DONE.get(done))


@router.post("/account/password")
def change_password(context: Reader, form: Form) -> Response:
    """Take a new password from somebody who knows the present one; it ends all sessions but a new one here."""
    answer = partial(_page, context)
    if text(form, "password") != text(form, "again"):
        return answer(errors={"again": PASSWORDS_DIFFER})
    database, email, now = context.database, context.actor, context.now
    address = client_address(context.request)
    try:
        sign_in.by_password(database, email, text(form, "present"), address=address, now=now)
        users.set_password(database, context.current_user.id, text(form, "password"), actor=email, now=now)
    except InvalidInputError as error:
        return answer(errors={error.field: error.message})
    except sign_in.SignInRefusedError:
        return answer(errors={"present": WRONG_PASSWORD})
    except TooManySignInsError:
        return answer(errors={"present": TOO_MANY})
    response = RedirectResponse("/account?done=password", status.HTTP_303_SEE_OTHER)
    SESSION.write(context.request, response, sessions.start(database, context.current_user.id, now=now))
    return response


@router.post("/account/language")
def change_language(context: Reader, form: Form) -> Response:
    if (language := text(form, "language")) in set(Language):
        users.set_language(context.database, context.current_user.id, Language(language))
    return RedirectResponse("/account?done=language", status.HTTP_303_SEE_OTHER)


def _page(context: UserContext, *, done: str | None = None, errors: Mapping[str, str] | None = None) -> Response:
    code = status.HTTP_422_UNPROCESSABLE_CONTENT if errors else status.HTTP_200_OK
    user = users.get(context.database, context.current_user.id)
    return context.render(
        "account.html", status=code, user=user, languages=LANGUAGES, done=done, errors=errors or {}
    )
