"""A user's own account: password, language and sessions."""

from collections.abc import Mapping
from functools import partial

from fastapi import APIRouter, HTTPException, Response, status

from i18n.catalog import Language
from i18n.messages import msg
from models.invalid_input import gather_errors
from models.users import repository as users
from models.users import sessions, sign_in
from models.users.passwords import check
from models.users.proofs import OutdatedProofError
from models.users.throttle import TooManySignInsError
from web.dependencies import MAX_BIG_ID_DIGITS, Form, is_number, text
from web.pages.sign_in import TOO_MANY, requested_url
from web.security.auth import Reader, UserContext
from web.security.client import client_address

router = APIRouter(prefix="/account")

LANGUAGES = ((Language.NORWEGIAN, "Norsk bokmål"), (Language.ENGLISH, "English"))
DONE = {
    "password": msg("Password changed. You've been signed out everywhere else."),
    "language": msg("Language changed."),
    "ended": msg("Session ended."),
    "others": msg("You've been signed out everywhere else."),
}
WRONG_PASSWORD = msg("Incorrect current password.")
PASSWORDS_DIFFER = msg("The passwords don't match.")
SAME_PASSWORD = msg("Choose a password different from your current one.")


@router.get("")
def show(context: Reader) -> Response:
    signed_in = sessions.of_user(context.database, context.current_user, now=context.now)
    return context.render(
        "account.html",
        languages=LANGUAGES,
        sessions=signed_in,
        this_session=context.session.id,
        done=DONE.get(context.take_notice().code),
    )


@router.get("/password")
def show_password_form(context: Reader) -> Response:
    return _password_form(context)


@router.post("/password")
def change_password(context: Reader, form: Form) -> Response:
    again = partial(_password_form, context)
    present, password = text(form, "present"), text(form, "password")
    database, user, now = context.database, context.current_user, context.now
    errors: dict[str, str] = {}
    with gather_errors(errors):
        check(password, email=user.email)
    if password == present:
        errors["password"] = SAME_PASSWORD
    if password != text(form, "again"):
        errors["again"] = PASSWORDS_DIFFER
    try:
        address = client_address(context.request)
        proof = sign_in.check_password(database, user.email, present, address=address, now=now)
        if errors:
            return again(errors=errors)
        users.choose_password(database, user, password, proof, session_id=context.session.id, now=now)
    except (sign_in.SignInRefusedError, OutdatedProofError):
        return again(errors={"present": WRONG_PASSWORD, **errors})
    except TooManySignInsError:
        return again(errors={"present": TOO_MANY, **errors})
    temporary = user.password_is_temporary
    return context.redirect(requested_url(context.request)) if temporary else _redirect(context, "password")


@router.post("/language")
def change_language(context: Reader, form: Form) -> Response:
    if (language := text(form, "language")) in set(Language):
        users.set_language(context.database, context.current_user.id, Language(language))
    return _redirect(context, "language")


@router.post("/sessions/end")
def end_session(context: Reader, form: Form) -> Response:
    """End one of the user's own sessions, by its id. Responds with 400 to anything that is not an id."""
    number = text(form, "session")
    if not is_number(number, digits=MAX_BIG_ID_DIGITS):
        raise HTTPException(status.HTTP_400_BAD_REQUEST)
    sessions.end_one(context.database, context.current_user.id, int(number))
    return _redirect(context, "ended")


@router.post("/sessions/end-others")
def end_other_sessions(context: Reader) -> Response:
    sessions.end_others(context.database, context.current_user.id, but=context.session.id)
    return _redirect(context, "others")


def _password_form(context: UserContext, *, errors: Mapping[str, str] | None = None) -> Response:
    return context.render("account-password.html", errors=errors or {})


def _redirect(context: UserContext, what: str) -> Response:
    return context.redirect("/account", what)
