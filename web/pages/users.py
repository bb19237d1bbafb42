"""The users: for administrators of all connections only, since they give others what they have themselves."""

from fastapi import APIRouter, HTTPException, Request, Response, status
from fastapi.responses import RedirectResponse
from starlette.datastructures import FormData

from language.said import say, tell
from models import connections, users
from models.passwords import Unfit
from models.users import ROLES, Rights
from models.words import Role, Scope
from web.forms import Form, text
from web.rendering import render
from web.visitors import AdministratorEverywhere, Visitor
from worker.wiring import bridge, clock

router = APIRouter()

DONE = {
    "added": say("The user is added. Give them their password by telephone or in person."),
    "changed": say("Saved."),
    "password": say("The new password holds from now on, and the user is signed out everywhere."),
    "disabled": say("The user is signed out everywhere and cannot sign in any more."),
    "enabled": say("The user can sign in again."),
}
NEW = Rights(Role.OPERATOR, Scope(frozenset()))
"""What the form for a new user begins with."""


@router.get("/users")
def show_all(request: Request, visitor: AdministratorEverywhere) -> Response:
    """List the users and what they may do."""
    everyone = users.everyone(bridge().database)
    return render(request, visitor, "users.html", users=everyone, roles=ROLES, names=_names())


@router.get("/users/new")
def ask(request: Request, visitor: AdministratorEverywhere) -> Response:
    """Ask who is to be added."""
    return _new(request, visitor, NEW)


@router.post("/users/new")
def add(request: Request, visitor: AdministratorEverywhere, form: Form) -> Response:
    """Add a user with a first password, which may be left out where there is another way to sign in."""
    email, password, rights = text(form, "email"), text(form, "password"), _rights(form)
    given = None if bridge().openid and not password else password
    try:
        user = users.add(bridge().database, email, rights, password=given, who=visitor.email, now=clock())
    except Unfit as error:
        return _new(request, visitor, rights, email=email, error=error)
    return _done(user.id, "added")


@router.get("/users/{user_id}")
def show(request: Request, visitor: AdministratorEverywhere, user_id: int, done: str = "") -> Response:
    """Show a user, and what may be changed about them."""
    return _one(request, visitor, user_id, done=DONE.get(done))


@router.post("/users/{user_id}")
def change(request: Request, visitor: AdministratorEverywhere, user_id: int, form: Form) -> Response:
    """Give a user another role or other connections."""
    rights = _rights(form)
    try:
        users.change(bridge().database, user_id, rights, who=visitor.email, now=clock())
    except Unfit as error:
        return _one(request, visitor, user_id, entered=rights, error=error)
    return _done(user_id, "changed")


@router.post("/users/{user_id}/password")
def set_password(request: Request, visitor: AdministratorEverywhere, user_id: int, form: Form) -> Response:
    """Give a user a new password, for when they have forgotten theirs."""
    try:
        users.set_password(bridge().database, user_id, text(form, "password"), who=visitor.email, now=clock())
    except Unfit as error:
        return _one(request, visitor, user_id, error=error)
    return _done(user_id, "password")


@router.post("/users/{user_id}/disable")
def disable(request: Request, visitor: AdministratorEverywhere, user_id: int) -> Response:
    """Shut a user out."""
    try:
        users.disable(bridge().database, user_id, who=visitor.email, now=clock())
    except Unfit as error:
        return _one(request, visitor, user_id, error=error)
    return _done(user_id, "disabled")


@router.post("/users/{user_id}/enable")
def enable(visitor: AdministratorEverywhere, user_id: int) -> Response:
    """Let a user in again."""
    users.enable(bridge().database, user_id, who=visitor.email, now=clock())
    return _done(user_id, "enabled")


def _rights(form: FormData) -> Rights:
    """Read what a user may do. A role or a connection that our own page cannot have offered is refused: 400."""
    try:
        role, ids = Role(text(form, "role")), frozenset(int(str(each)) for each in form.getlist("connections"))
    except ValueError:
        raise HTTPException(status.HTTP_400_BAD_REQUEST) from None
    return Rights(role, Scope(None if text(form, "everywhere") else ids))


def _new(
    request: Request, visitor: Visitor, rights: Rights, *, email: str = "", error: Unfit | None = None
) -> Response:
    context = _form(visitor, rights, error) | {"email": email, "password_needed": bridge().openid is None}
    return render(request, visitor, "user-new.html", status=_status(error), **context)


def _one(
    request: Request,
    visitor: Visitor,
    user_id: int,
    *,
    done: str | None = None,
    entered: Rights | None = None,
    error: Unfit | None = None,
) -> Response:
    user = users.get(bridge().database, user_id)
    context = _form(visitor, entered or user.rights, error) | {"user": user, "done": done}
    return render(request, visitor, "user.html", status=_status(error), **context)


def _form(visitor: Visitor, rights: Rights, error: Unfit | None) -> dict[str, object]:
    errors = {error.field: error.message} if error else {}
    roles = [(role, tell(name, visitor.language)) for role, name in ROLES.items()]
    return {"rights": rights, "roles": roles, "names": _names(), "errors": errors}


def _status(error: Unfit | None) -> int:
    return status.HTTP_422_UNPROCESSABLE_CONTENT if error else status.HTTP_200_OK


def _names() -> dict[int, str]:
    """Tell what the connections are called, in the order of their names."""
    return {each.id: each.name for each in connections.listing(bridge().database, Scope())}


def _done(user_id: int, what: str) -> Response:
    return RedirectResponse(f"/users/{user_id}?done={what}", status.HTTP_303_SEE_OTHER)
