"""Sentences that keep their template and values, so that they can be translated later."""

from collections.abc import Callable, Mapping
from datetime import date
from decimal import Decimal
from functools import partial
from typing import Any, Self

from i18n import formatting
from i18n.catalog import Language, former_wordings, translations


class Message(str):
    """An English sentence with the ``template`` and ``values`` that it was made of.

    Values are anything that JSON can hold; a value that is itself a ``Message`` is translated with the sentence.
    ``code`` identifies the sentence for programs, whatever its wording; empty for most.
    """

    __slots__ = ("code", "template", "values")

    template: str
    values: Mapping[str, Any]
    code: str

    def __new__(cls, template: str, values: Mapping[str, Any], code: str = "") -> Self:
        """Make the sentence. Raises KeyError if ``values`` lacks a name of the template."""
        message = super().__new__(cls, template.format(**values))
        message.template, message.values, message.code = template, values, code
        return message

    def __getnewargs__(self) -> tuple[str, Mapping[str, Any], str]:  # type: ignore[override]  # a str's own has one
        """Return the arguments that make a copy."""
        return self.template, self.values, self.code


class Amount(Message):
    """An amount in ``hundredths`` of its currency, which each reader's language writes in its own way.

    As text it is written the Norwegian way, such as "1 250,00".
    """

    __slots__ = ("hundredths",)

    hundredths: int

    def __new__(cls, hundredths: int) -> Self:
        text = f"{Decimal(hundredths) / 100:,.2f}".replace(",", " ").replace(".", ",")
        message = super().__new__(cls, text, {})
        message.hundredths = hundredths
        return message

    def __getnewargs__(self) -> tuple[int]:  # type: ignore[override]  # the same
        return (self.hundredths,)


class Day(Message):
    """A ``day``, which each reader's language writes in its own way; as text it is "30.11.2026"."""

    __slots__ = ("day",)

    day: date

    def __new__(cls, which: date) -> Self:
        message = super().__new__(cls, f"{which:%d.%m.%Y}", {})
        message.day = which
        return message

    def __getnewargs__(self) -> tuple[date]:  # type: ignore[override]  # the same
        return (self.day,)


def msg(template: str, /, **values: object) -> Message:
    """Make a sentence. ``messages.po`` translates the template, in which values stand in braces."""
    kept = {name: value if isinstance(value, str | int) else str(value) for name, value in values.items()}
    return Message(template, kept)


def with_code(code: str, message: Message) -> Message:
    """Return the sentence with a code for programs."""
    return Message(message.template, message.values, code)


def code_of(text: str) -> str:
    """Return a sentence's code for programs, "" if it has none."""
    return text.code if isinstance(text, Message) else ""


def joined(*texts: str, between: str = "; ") -> Message:
    """Join sentences or names. The list itself has no words, so it needs no translation."""
    values = {f"text_{place}": text for place, text in enumerate(texts)}
    return Message(between.join(f"{{{name}}}" for name in values), values)


def translate(text: str, language: Language) -> str:
    """Translate a sentence. A plain string, such as a remote system's own text, is returned as it is."""
    if not text or not isinstance(text, Message):  # gettext translates "" into the catalog's header
        return text
    match text:
        case Amount() if language is not Language.NORWEGIAN:
            return formatting.amount(text.hundredths, "", language)
        case Day() if language is not Language.NORWEGIAN:
            return formatting.day(text.day, language)
        case Amount() | Day():
            return str(text)
    values = _map_texts(text.values, partial(translate, language=language))
    return translations(language).gettext(text.template).format(**values)


def as_json(text: str) -> str | dict[str, Any]:
    """Return a text in a form that JSON can hold and :func:`from_json` can read."""
    if not isinstance(text, Message):
        return str(text)
    encoded = {"said": text.template, "with": _map_texts(text.values, as_json)}
    match text:  # the previous release reads only "said" and "with"
        case Amount():
            return {**encoded, "amount": text.hundredths}
        case Day():
            return {**encoded, "day": text.day.isoformat()}
    return {**encoded, "code": text.code} if text.code else encoded


def from_json(encoded: str | dict[str, Any]) -> str:
    """Return the text of :func:`as_json`; a wording of an earlier release becomes today's."""
    if isinstance(encoded, str):
        return encoded
    if "amount" in encoded:
        return Amount(encoded["amount"])
    if "day" in encoded:
        return Day(date.fromisoformat(encoded["day"]))
    template = former_wordings().get(encoded["said"], encoded["said"])
    return Message(template, _map_texts(encoded["with"], from_json), encoded.get("code", ""))


def _map_texts(values: Mapping[str, Any], change: Callable[[Any], Any]) -> dict[str, Any]:
    """Change the texts among the values of a sentence, and leave the numbers."""
    return {name: change(value) if isinstance(value, str | dict) else value for name, value in values.items()}
