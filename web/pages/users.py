"""Users: only for administrators of all connections, as adding one passes on their rights."""

from collections.abc import Mapping

from fastapi import APIRouter, HTTPException, Response, status
from starlette.datastructures import FormData

from i18n.catalog import Language
from i18n.messages import msg
from models.admin import connection_list
from models.enums import Role, Scope
from models.invalid_input import InvalidInputError
from models.users import password_links, second_factor, sessions
from models.users import repository as users
from models.users.repository import ROLES, Rights
from web.dependencies import Form, chosen_connections, text
from web.pages.account import LANGUAGES
from web.pages.confirmation import confirm_identity
from web.security.auth import AdministratorEverywhere, UserContext

router = APIRouter()

DONE = {
    "added": msg("User added. Share the password by phone or in person."),
    "invited": msg("User added. An invitation is sent by email within a minute; its link is valid for 48 hours."),
    "link": msg("A link to choose a password is sent by email within a minute."),
    "changed": msg("Saved."),
    "password": msg(
        "Password set. The user has been signed out everywhere and must choose a new password at the next sign-in."
    ),
    "reset-factor": msg("Second factor removed. The user has been signed out everywhere."),
    "signed-out": msg("The user has been signed out everywhere."),
    "disabled": msg("User disabled and signed out everywhere."),
    "enabled": msg("User enabled."),
}
NEW = Rights(Role.OPERATOR, Scope(frozenset()))
"""The initial values of the form for a new user."""


@router.get("/users")
def show_all(context: AdministratorEverywhere) -> Response:
    everyone, names = users.all_users(context.database), connection_list.names(context.database, Scope())
    return context.render("users.html", users=everyone, roles=ROLES, names=names)


@router.get("/users/new")
def new_form(context: AdministratorEverywhere) -> Response:
    return _new_page(context, NEW)


@router.post("/users/new")
def add(context: AdministratorEverywhere, form: Form) -> Response:
    """Add a user with a temporary password, which is optional if there is another way to sign in."""
    confirm_identity(context, form)
    email, password, rights = text(form, "email"), text(form, "password"), _rights(form)
    language = Language(text(form, "language")) if text(form, "language") in set(Language) else None
    invited = context.container.can_mail_links and text(form, "invite") == "yes" and not password
    given = None if invited or (context.container.openid and not password) else password
    try:
        user = users.add(
            context.database,
            email,
            rights,
            password=given,
            language=language or context.current_user.language,
            **context.as_actor,
        )
    except InvalidInputError as error:
        return _new_page(context, rights, email=email, language=language, invited=invited, errors=error.errors)
    if not invited:
        return _redirect(context, user.id, "added")
    password_links.send_link(context.database, user.id, **context.as_actor)
    return _redirect(context, user.id, "invited")


@router.get("/users/{user_id}")
def show(context: AdministratorEverywhere, user_id: int) -> Response:
    return _user_page(context, user_id)


@router.post("/users/{user_id}")
def update(context: AdministratorEverywhere, user_id: int, form: Form) -> Response:
    confirm_identity(context, form)
    rights = _rights(form)
    try:
        users.update(context.database, user_id, rights, **context.as_actor)
    except InvalidInputError as error:
        return _user_page(context, user_id, error.errors, entered=rights)
    return _redirect(context, user_id, "changed")


@router.post("/users/{user_id}/password")
def set_password(context: AdministratorEverywhere, user_id: int, form: Form) -> Response:
    confirm_identity(context, form)
    try:
        users.set_password(context.database, user_id, text(form, "password"), **context.as_actor)
    except InvalidInputError as error:
        return _user_page(context, user_id, error.errors)
    return _redirect(context, user_id, "password")


@router.post("/users/{user_id}/link")
def send_link(context: AdministratorEverywhere, user_id: int, form: Form) -> Response:
    """Mail a user a link to choose a password, as an invitation if they have none yet."""
    if not context.container.can_mail_links:
        raise HTTPException(status.HTTP_404_NOT_FOUND)
    confirm_identity(context, form)
    password_links.send_link(context.database, user_id, **context.as_actor)
    return _redirect(context, user_id, "link")


@router.post("/users/{user_id}/reset-factor")
def reset_factor(context: AdministratorEverywhere, user_id: int, form: Form) -> Response:
    confirm_identity(context, form)
    if not users.get(context.database, user_id).has_factor:
        raise HTTPException(status.HTTP_404_NOT_FOUND)
    second_factor.reset(context.database, user_id, **context.as_actor)
    return _redirect(context, user_id, "reset-factor")


@router.post("/users/{user_id}/sign-out")
def sign_out(context: AdministratorEverywhere, user_id: int) -> Response:
    users.sign_out(context.database, user_id, **context.as_actor)
    return _redirect(context, user_id, "signed-out")


@router.post("/users/{user_id}/disable")
def disable(context: AdministratorEverywhere, user_id: int, form: Form) -> Response:
    confirm_identity(context, form)
    try:
        users.disable(context.database, user_id, **context.as_actor)
    except InvalidInputError as error:
        return _user_page(context, user_id, error.errors)
    return _redirect(context, user_id, "disabled")


@router.post("/users/{user_id}/enable")
def enable(context: AdministratorEverywhere, user_id: int, form: Form) -> Response:
    confirm_identity(context, form)
    users.enable(context.database, user_id, **context.as_actor)
    return _redirect(context, user_id, "enabled")


def _rights(form: FormData) -> Rights:
    """Read a user's rights. Responds with 400 to a role or connection that our page cannot have offered."""
    try:
        role = Role(text(form, "role"))
    except ValueError:
        raise HTTPException(status.HTTP_400_BAD_REQUEST) from None
    return Rights(role, chosen_connections(form))


def _new_page(
    context: UserContext,
    rights: Rights,
    *,
    email: str = "",
    language: Language | None = None,
    invited: bool = True,
    errors: Mapping[str, str] | None = None,
) -> Response:
    return _form(
        context,
        "user-new.html",
        errors,
        rights=rights,
        email=email,
        languages=LANGUAGES,
        new_language=language or context.current_user.language,
        password_needed=context.container.openid is None,
        invited=invited,
    )


def _user_page(
    context: UserContext, user_id: int, errors: Mapping[str, str] | None = None, *, entered: Rights | None = None
) -> Response:
    user = users.get(context.database, user_id)
    return _form(
        context,
        "user.html",
        errors,
        rights=entered or user.rights,
        user=user,
        sessions=sessions.of_user(context.database, user, now=context.now),
        this_session=None,
        done=DONE.get(context.take_notice().code),
    )


def _form(context: UserContext, template: str, errors: Mapping[str, str] | None, **values: object) -> Response:
    return context.render(
        template,
        status=None,
        errors=errors or {},
        roles=ROLES.items(),
        names=connection_list.names(context.database, Scope()),
        can_mail_links=context.container.can_mail_links,
        **values,
    )


def _redirect(context: UserContext, user_id: int, what: str) -> Response:
    return context.redirect(f"/users/{user_id}", what)
