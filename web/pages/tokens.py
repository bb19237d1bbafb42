"""API tokens: only for administrators of all connections, as a token passes on their rights."""

from typing import Annotated

from fastapi import APIRouter, HTTPException, Path, Response, status
from starlette.datastructures import FormData

from i18n.messages import msg
from models.admin import connection_list
from models.enums import Scope
from models.invalid_input import InvalidInputError
from models.users import tokens
from models.users.tokens import DEFAULT_DAYS, MAX_DAYS, SCOPE_NAMES, TokenScope
from sync.rules.normalization import clean
from web.dependencies import Form, chosen_connections, is_number, text
from web.pages.confirmation import confirm_identity
from web.security.auth import AdministratorEverywhere, UserContext

router = APIRouter(prefix="/tokens")

DONE = {"revoked": msg("Token revoked. Programs using it are now rejected.")}
REFUSALS = {"token_revoked": msg("Revoked"), "token_expired": msg("Expired")}
TokenId = Annotated[int, Path(le=2**31 - 1)]


@router.get("")
def show_all(context: AdministratorEverywhere) -> Response:
    return _page(context)


@router.post("")
def create(context: AdministratorEverywhere, form: Form) -> Response:
    """Create a token and show it, without a redirect: only its hash is stored, so it is shown once."""
    confirm_identity(context, form)
    scope, days = chosen_connections(form), text(form, "days")
    try:
        scopes = frozenset(TokenScope(str(each)) for each in form.getlist("scopes"))
    except ValueError:
        raise HTTPException(status.HTTP_400_BAD_REQUEST) from None
    try:
        token, token_text = tokens.create(
            context.database,
            clean(text(form, "name"), max_length=tokens.MAX_NAME_LENGTH),
            scopes=scopes,
            scope=scope,
            days=int(days) if is_number(days, digits=6) else 0,
            **context.as_actor,
        )
    except InvalidInputError as error:
        return _page(context, form, error.errors)
    return context.render("token.html", token=token, text=token_text)


@router.post("/{token_id}/revoke")
def revoke(context: AdministratorEverywhere, token_id: TokenId) -> Response:
    tokens.revoke(context.database, token_id, **context.as_actor)
    return context.redirect("/tokens", "revoked")


def _page(context: UserContext, form: FormData | None = None, errors: dict[str, str] | None = None) -> Response:
    entered = form if form is not None else FormData({"days": str(DEFAULT_DAYS)})
    return context.render(
        "tokens.html",
        tokens=[(each, REFUSALS.get(each.refusal(context.now))) for each in tokens.all_tokens(context.database)],
        names=connection_list.names(context.database, Scope()),
        scope_names=SCOPE_NAMES,
        name=text(entered, "name"),
        days=text(entered, "days"),
        max_days=MAX_DAYS,
        chosen_scopes=set(entered.getlist("scopes")),
        chosen_connections=chosen_connections(entered).connections or (),
        everywhere=bool(text(entered, "everywhere")),
        errors=errors or {},
        done=DONE.get(context.take_notice().code),
    )
