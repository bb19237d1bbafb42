"""The users: for administrators of all connections only, since they give others what they have themselves."""

from fastapi import APIRouter, HTTPException, Request, Response, status
from fastapi.responses import RedirectResponse
from starlette.datastructures import FormData

from i18n.messages import msg, translate
from models.connections import repository as connections
from models.enums import Role, Scope
from models.users import repository as users
from models.users.passwords import InvalidInputError
from models.users.repository import ROLES, Rights
from web.security.auth import AdministratorEverywhere, CurrentUser
from web.security.csrf import Form, text
from web.views.templates import render
from worker.container import clock, get_container

router = APIRouter()

DONE = {
    "added": msg("The user is added. Give them their password by telephone or in person."),
    "changed": msg("Saved."),
    "password": msg("The new password holds from now on, and the user is signed out everywhere."),
    "disabled": msg("The user is signed out everywhere and cannot sign in any more."),
    "enabled": msg("The user can sign in again."),
}
NEW = Rights(Role.OPERATOR, Scope(frozenset()))
"""What the form for a new user begins with."""


@router.get("/users")
def show_all(request: Request, current_user: AdministratorEverywhere) -> Response:
    """List the users and what they may do."""
    everyone = users.all_users(get_container().database)
    return render(request, current_user, "users.html", users=everyone, roles=ROLES, names=_names())


@router.get("/users/new")
def new_form(request: Request, current_user: AdministratorEverywhere) -> Response:
    """Ask who is to be added."""
    return _new(request, current_user, NEW)


@router.post("/users/new")
def add(request: Request, current_user: AdministratorEverywhere, form: Form) -> Response:
    """Add a user with a first password, which may be left out where there is another way to sign in."""
    email, password, rights = text(form, "email"), text(form, "password"), _rights(form)
    given = None if get_container().openid and not password else password
    try:
        user = users.add(
            get_container().database, email, rights, password=given, actor=current_user.email, now=clock()
        )
    except InvalidInputError as error:
        return _new(request, current_user, rights, email=email, error=error)
    return _done(user.id, "added")


@router.get("/users/{user_id}")
def show(request: Request, current_user: AdministratorEverywhere, user_id: int, done: str = "") -> Response:
    """Show a user, and what may be changed about them."""
    return _one(request, current_user, user_id, done=DONE.get(done))


@router.post("/users/{user_id}")
def update(request: Request, current_user: AdministratorEverywhere, user_id: int, form: Form) -> Response:
    """Give a user another role or other connections."""
    rights = _rights(form)
    try:
        users.update(get_container().database, user_id, rights, actor=current_user.email, now=clock())
    except InvalidInputError as error:
        return _one(request, current_user, user_id, entered=rights, error=error)
    return _done(user_id, "changed")


@router.post("/users/{user_id}/password")
def set_password(request: Request, current_user: AdministratorEverywhere, user_id: int, form: Form) -> Response:
    """Give a user a new password, for when they have forgotten theirs."""
    try:
        users.set_password(
            get_container().database, user_id, text(form, "password"), actor=current_user.email, now=clock()
        )
    except InvalidInputError as error:
        return _one(request, current_user, user_id, error=error)
    return _done(user_id, "password")


@router.post("/users/{user_id}/disable")
def disable(request: Request, current_user: AdministratorEverywhere, user_id: int) -> Response:
    """Shut a user out."""
    try:
        users.disable(get_container().database, user_id, actor=current_user.email, now=clock())
    except InvalidInputError as error:
        return _one(request, current_user, user_id, error=error)
    return _done(user_id, "disabled")


@router.post("/users/{user_id}/enable")
def enable(current_user: AdministratorEverywhere, user_id: int) -> Response:
    """Let a user in again."""
    users.enable(get_container().database, user_id, actor=current_user.email, now=clock())
    return _done(user_id, "enabled")


def _rights(form: FormData) -> Rights:
    """Read what a user may do. A role or a connection that our own page cannot have offered is refused: 400."""
    try:
        role, ids = Role(text(form, "role")), frozenset(int(str(each)) for each in form.getlist("connections"))
    except ValueError:
        raise HTTPException(status.HTTP_400_BAD_REQUEST) from None
    return Rights(role, Scope(None if text(form, "everywhere") else ids))


def _new(
    request: Request,
    current_user: CurrentUser,
    rights: Rights,
    *,
    email: str = "",
    error: InvalidInputError | None = None,
) -> Response:
    context = _form(current_user, rights, error) | {
        "email": email,
        "password_needed": get_container().openid is None,
    }
    return render(request, current_user, "user-new.html", status=_status(error), **context)


def _one(
    request: Request,
    current_user: CurrentUser,
    user_id: int,
    *,
    done: str | None = None,
    entered: Rights | None = None,
    error: InvalidInputError | None = None,
) -> Response:
    user = users.get(get_container().database, user_id)
    context = _form(current_user, entered or user.rights, error) | {"user": user, "done": done}
    return render(request, current_user, "user.html", status=_status(error), **context)


def _form(current_user: CurrentUser, rights: Rights, error: InvalidInputError | None) -> dict[str, object]:
    errors = {error.field: error.message} if error else {}
    roles = [(role, translate(name, current_user.language)) for role, name in ROLES.items()]
    return {"rights": rights, "roles": roles, "names": _names(), "errors": errors}


def _status(error: InvalidInputError | None) -> int:
    return status.HTTP_422_UNPROCESSABLE_CONTENT if error else status.HTTP_200_OK


def _names() -> dict[int, str]:
    """Tell what the connections are called, in the order of their names."""
    return {each.id: each.name for each in connections.summaries(get_container().database, Scope())}


def _done(user_id: int, what: str) -> Response:
    return RedirectResponse(f"/users/{user_id}?done={what}", status.HTTP_303_SEE_OTHER)
