"""What people change about themselves: their password and the language of their pages."""

from collections.abc import Mapping

from fastapi import APIRouter, Request, Response, status
from fastapi.responses import RedirectResponse

from i18n.catalog import Language
from i18n.messages import msg
from models.users import repository as users
from models.users import sessions, sign_in
from models.users.passwords import InvalidInputError
from models.users.throttle import TooManySignInsError
from web.pages.sign_in import TOO_MANY, client_address
from web.security.auth import CurrentUser, Reader
from web.security.cookies import SESSION
from web.security.csrf import Form, text
from web.views.templates import render
from worker.container import clock, get_container

router = APIRouter()

LANGUAGES = ((Language.NORWEGIAN, "Norsk bokmål"), (Language.ENGLISH, "English"))
DONE = {
    "password": msg("The new password holds from now on. You are signed out everywhere else."),
    "language": msg("The pages are in this language now."),
}
WRONG_PASSWORD = msg("This is not your present password.")
PASSWORDS_DIFFER = msg("This is not the same password as above.")


@router.get("/account")
def show(request: Request, current_user: Reader, done: str = "") -> Response:
    """Show what they may change."""
    return _page(request, current_user, done=DONE.get(done))


@router.post("/account/password")
def change_password(request: Request, current_user: Reader, form: Form) -> Response:
    """Take a new password from somebody who knows the present one."""
    if text(form, "password") != text(form, "again"):
        return _page(request, current_user, errors={"again": PASSWORDS_DIFFER})
    try:
        token = _renew(request, current_user, text(form, "present"), text(form, "password"))
    except InvalidInputError as error:
        return _page(request, current_user, errors={error.field: error.message})
    except sign_in.SignInRefusedError:
        return _page(request, current_user, errors={"present": WRONG_PASSWORD})
    except TooManySignInsError:
        return _page(request, current_user, errors={"present": TOO_MANY})
    response = RedirectResponse("/account?done=password", status.HTTP_303_SEE_OTHER)
    SESSION.write(response, token)
    return response


@router.post("/account/language")
def change_language(current_user: Reader, form: Form) -> Response:
    """Show the pages in another language from now on."""
    if (language := text(form, "language")) in set(Language):
        users.set_language(get_container().database, current_user.id, Language(language))
    return RedirectResponse("/account?done=language", status.HTTP_303_SEE_OTHER)


def _renew(request: Request, current_user: CurrentUser, present: str, password: str) -> str:
    """Change a password, which ends all sessions, and begin a new one here."""
    database, address, now = get_container().database, client_address(request), clock()
    sign_in.by_password(database, current_user.email, present, address=address, now=now)
    users.set_password(database, current_user.id, password, actor=current_user.email, now=now)
    return sessions.start(database, current_user.id, now=now)


def _page(
    request: Request,
    current_user: CurrentUser,
    *,
    done: str | None = None,
    errors: Mapping[str, str] | None = None,
) -> Response:
    code = status.HTTP_422_UNPROCESSABLE_CONTENT if errors else status.HTTP_200_OK
    user = users.get(get_container().database, current_user.id)
    return render(
        request,
        current_user,
        "account.html",
        status=code,
        user=user,
        languages=LANGUAGES,
        done=done,
        errors=errors or {},
    )
