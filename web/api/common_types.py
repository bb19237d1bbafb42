"""Types that several endpoints share: ids, texts and pages."""

from datetime import UTC, datetime
from typing import Annotated, Any, Generic, Self, TypeVar

from fastapi import Path, Query
from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    ModelWrapValidatorHandler,
    StringConstraints,
    ValidationError,
    model_validator,
)
from pydantic_core import PydanticCustomError

from i18n.messages import msg
from models import pagination
from models.connections.repository import MAX_NAME_LENGTH
from models.pagination import Key
from web.api.problems import NO_CURSOR, TOO_MANY_ERRORS, invalid
from web.dependencies import MAX_CONNECTION_ID, MAX_ID

T = TypeVar("T")

PLAIN = r"^[^\x00-\x1f\x7f-\x9f]*$"
"""A pattern without characters that PostgreSQL or XML cannot hold."""

MAX_ERRORS = 100
"""The number of errors in a body that are processed: each costs more than the value that it is about."""

MAX_SIZE, SIZE = 200, 50
"""Items on a page: the maximum and the default."""


def _in_utc(instant: datetime) -> datetime:
    """Convert to UTC; PostgreSQL accepts no offset of 16 hours or more."""
    try:
        return instant.astimezone(UTC)
    except OverflowError:
        raise ValueError(msg("Invalid value.")) from None


Instant = Annotated[AwareDatetime, AfterValidator(_in_utc)]
ConnectionId = Annotated[int, Path(ge=1, le=MAX_CONNECTION_ID, description="Id of the connection")]
JobId = Annotated[int, Path(ge=1, le=MAX_ID, description="Id of the job")]
ReceiverId = Annotated[int, Path(ge=1, le=MAX_ID, description="Id of the event receiver")]
DeliveryId = Annotated[int, Path(ge=1, le=MAX_ID, description="Id of the delivery")]
OperationId = Annotated[int, Path(ge=1, le=MAX_ID, description="Id of the operation")]
Name = Annotated[str, StringConstraints(pattern=PLAIN, max_length=MAX_NAME_LENGTH, strip_whitespace=True)]
Limit = Annotated[int, Query(ge=1, le=MAX_SIZE, description="Maximum number of items on a page")]
Cursor = Annotated[str | None, Query(pattern=r"^o\d{1,16}-\d{1,18}$", description="`next` of the previous page")]


class Body(BaseModel):
    """The body of a request. Unknown fields are refused, since they may be misspelt."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    @model_validator(mode="wrap")
    @classmethod
    def _limit_errors(cls, value: object, handler: ModelWrapValidatorHandler[Self]) -> Self:
        """Replace a large number of errors by one, before each is processed."""
        try:
            return handler(value)
        except ValidationError as error:
            if error.error_count() > MAX_ERRORS:
                raise PydanticCustomError(TOO_MANY_ERRORS, "too many errors") from None
            raise


class Page(BaseModel, Generic[T]):
    """A page of a list, newest first."""

    items: list[T] = Field(description="Items of this page")
    next: str | None = Field(description="Cursor of the next page; null on the last page")


def page_of(items: list[T], found: pagination.Page[Any]) -> Page[T]:
    """Return a page of items, with the cursor of the page after the one that was read."""
    return Page(items=items, next=str(found.older) if found.older else None)


def key_of(cursor: str | None) -> Key | None:
    """Return the position of a cursor. Raises ProblemError for a cursor that no page has returned."""
    if cursor is None:
        return None
    key = Key.parse(cursor)
    if key is None:
        raise invalid("cursor", NO_CURSOR, location="query")
    return key
