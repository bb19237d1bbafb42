"""A column that holds a sentence with the words it was made of, so that each reader gets it in their language."""

from typing import Any

from sqlalchemy import Dialect, TypeDecorator
from sqlalchemy.dialects.postgresql import JSONB

from i18n.messages import as_json, from_json


class LocalizedText(TypeDecorator[str]):
    """Text that may be :class:`i18n.messages.Message`."""

    impl = JSONB
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> Any:  # noqa: ANN401, ARG002 - as SQLAlchemy calls it
        """Write the text as JSON."""
        return None if value is None else as_json(value)

    def process_result_value(self, value: Any, dialect: Dialect) -> str | None:  # noqa: ANN401, ARG002 - the same
        """Read it back."""
        return None if value is None else from_json(value)
