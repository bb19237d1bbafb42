"""What people change about themselves: their password and the language of their pages."""

from collections.abc import Mapping

from fastapi import APIRouter, Request, Response, status
from fastapi.responses import RedirectResponse

from language.catalogue import Language
from language.said import say
from models import signing, users, visits
from models.passwords import Unfit
from models.throttle import TooManySignIns
from web.cookies import SESSION
from web.forms import Form, text
from web.pages.signing import TOO_MANY, address_of
from web.rendering import render
from web.visitors import Reader, Visitor
from worker.wiring import bridge, clock

router = APIRouter()

LANGUAGES = ((Language.NORWEGIAN, "Norsk bokmål"), (Language.ENGLISH, "English"))
DONE = {
    "password": say("The new password holds from now on. You are signed out everywhere else."),
    "language": say("The pages are in this language now."),
}
WRONG = say("This is not your present password.")
DIFFERENT = say("This is not the same password as above.")


@router.get("/account")
def show(request: Request, visitor: Reader, done: str = "") -> Response:
    """Show what they may change."""
    return _page(request, visitor, done=DONE.get(done))


@router.post("/account/password")
def change_password(request: Request, visitor: Reader, form: Form) -> Response:
    """Take a new password from somebody who knows the present one."""
    if text(form, "password") != text(form, "again"):
        return _page(request, visitor, errors={"again": DIFFERENT})
    try:
        token = _renew(request, visitor, text(form, "present"), text(form, "password"))
    except Unfit as error:
        return _page(request, visitor, errors={error.field: error.message})
    except signing.Refused:
        return _page(request, visitor, errors={"present": WRONG})
    except TooManySignIns:
        return _page(request, visitor, errors={"present": TOO_MANY})
    response = RedirectResponse("/account?done=password", status.HTTP_303_SEE_OTHER)
    SESSION.write(response, token)
    return response


@router.post("/account/language")
def change_language(visitor: Reader, form: Form) -> Response:
    """Show the pages in another language from now on."""
    if (language := text(form, "language")) in set(Language):
        users.speak(bridge().database, visitor.id, Language(language))
    return RedirectResponse("/account?done=language", status.HTTP_303_SEE_OTHER)


def _renew(request: Request, visitor: Visitor, present: str, password: str) -> str:
    """Change a password, which ends all sessions, and begin a new one here."""
    database, address, now = bridge().database, address_of(request), clock()
    signing.by_password(database, visitor.email, present, address=address, now=now)
    users.set_password(database, visitor.id, password, who=visitor.email, now=now)
    return visits.begin(database, visitor.id, now=now)


def _page(
    request: Request, visitor: Visitor, *, done: str | None = None, errors: Mapping[str, str] | None = None
) -> Response:
    code = status.HTTP_422_UNPROCESSABLE_CONTENT if errors else status.HTTP_200_OK
    user = users.get(bridge().database, visitor.id)
    return render(
        request,
        visitor,
        "account.html",
        status=code,
        user=user,
        languages=LANGUAGES,
        done=done,
        errors=errors or {},
    )
