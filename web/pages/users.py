"""The users: for administrators of all connections only, since they give others what they have themselves."""

from fastapi import APIRouter, HTTPException, Response, status
from fastapi.responses import RedirectResponse
from starlette.datastructures import FormData

from i18n.messages import msg
from models.connections import repository as connections
from models.enums import Role, Scope
from models.users import repository as users
from models.users.passwords import InvalidInputError
from models.users.repository import ROLES, Rights
from web.dependencies import ContainerDep, Form, text
from web.security.auth import AdministratorEverywhere
from web.views.templates import Render
from worker.container import Container

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
def show_all(_current_user: AdministratorEverywhere, container: ContainerDep, render: Render) -> Response:
    everyone = users.all_users(container.database)
    return render("users.html", users=everyone, roles=ROLES, names=_connection_names(container))


@router.get("/users/new")
def new_form(_current_user: AdministratorEverywhere, container: ContainerDep, render: Render) -> Response:
    return _new(render, container, NEW)


@router.post("/users/new")
def add(current_user: AdministratorEverywhere, container: ContainerDep, render: Render, form: Form) -> Response:
    """Add a user with a first password, which may be left out where there is another way to sign in."""
    email, password, rights = text(form, "email"), text(form, "password"), _rights(form)
    given = None if container.openid and not password else password
    try:
        user = users.add(
            container.database, email, rights, password=given, actor=current_user.email, now=container.clock()
        )
    except InvalidInputError as error:
        return _new(render, container, rights, email=email, error=error)
    return _done(user.id, "added")


@router.get("/users/{user_id}")
def show(
    _current_user: AdministratorEverywhere, container: ContainerDep, render: Render, user_id: int, done: str = ""
) -> Response:
    return _one(render, container, user_id, done=DONE.get(done))


@router.post("/users/{user_id}")
def update(
    current_user: AdministratorEverywhere, container: ContainerDep, render: Render, user_id: int, form: Form
) -> Response:
    """Give a user another role or other connections."""
    rights = _rights(form)
    try:
        users.update(container.database, user_id, rights, actor=current_user.email, now=container.clock())
    except InvalidInputError as error:
        return _one(render, container, user_id, entered=rights, error=error)
    return _done(user_id, "changed")


@router.post("/users/{user_id}/password")
def set_password(
    current_user: AdministratorEverywhere, container: ContainerDep, render: Render, user_id: int, form: Form
) -> Response:
    password, actor = text(form, "password"), current_user.email
    try:
        users.set_password(container.database, user_id, password, actor=actor, now=container.clock())
    except InvalidInputError as error:
        return _one(render, container, user_id, error=error)
    return _done(user_id, "password")


@router.post("/users/{user_id}/disable")
def disable(
    current_user: AdministratorEverywhere, container: ContainerDep, render: Render, user_id: int
) -> Response:
    try:
        users.disable(container.database, user_id, actor=current_user.email, now=container.clock())
    except InvalidInputError as error:
        return _one(render, container, user_id, error=error)
    return _done(user_id, "disabled")


@router.post("/users/{user_id}/enable")
def enable(current_user: AdministratorEverywhere, container: ContainerDep, user_id: int) -> Response:
    users.enable(container.database, user_id, actor=current_user.email, now=container.clock())
    return _done(user_id, "enabled")


def _rights(form: FormData) -> Rights:
    """Read what a user may do. A role or a connection that our own page cannot have offered is refused: 400."""
    try:
        role, ids = Role(text(form, "role")), frozenset(int(str(each)) for each in form.getlist("connections"))
    except ValueError:
        raise HTTPException(status.HTTP_400_BAD_REQUEST) from None
    return Rights(role, Scope(None if text(form, "everywhere") else ids))


def _new(
    render: Render,
    container: Container,
    rights: Rights,
    *,
    email: str = "",
    error: InvalidInputError | None = None,
) -> Response:
    context = {"email": email, "password_needed": container.openid is None}
    return _form(render, container, "user-new.html", rights=rights, error=error, **context)


def _one(
    render: Render,
    container: Container,
    user_id: int,
    *,
    done: str | None = None,
    entered: Rights | None = None,
    error: InvalidInputError | None = None,
) -> Response:
    user = users.get(container.database, user_id)
    rights = entered or user.rights
    return _form(render, container, "user.html", rights=rights, error=error, user=user, done=done)


def _form(
    render: Render, container: Container, template: str, *, error: InvalidInputError | None, **context: object
) -> Response:
    return render(
        template,
        status=status.HTTP_422_UNPROCESSABLE_CONTENT if error else status.HTTP_200_OK,
        errors={error.field: error.message} if error else {},
        roles=ROLES.items(),
        names=_connection_names(container),
        **context,
    )


def _connection_names(container: Container) -> dict[int, str]:
    """Return what the connections are called, in the order of their names."""
    return {each.id: each.name for each in connections.summaries(container.database, Scope())}


def _done(user_id: int, what: str) -> Response:
    return RedirectResponse(f"/users/{user_id}?done={what}", status.HTTP_303_SEE_OTHER)
