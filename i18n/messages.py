"""Sentences that remember how they were made, so that they can be said again in another language."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Self

from i18n.catalog import Language, former_wordings, translations


class Message(str):
    """An English sentence, with the ``template`` and the ``values`` that it was made of.

    Values are whatever JSON can hold; one that is itself ``Message`` is translated with the whole.
    ``code`` is what programs know the sentence by, however it is worded; empty where they need not.
    """

    __slots__ = ("code", "template", "values")

    template: str
    values: Mapping[str, Any]
    code: str

    def __new__(cls, template: str, values: Mapping[str, Any], code: str = "") -> Self:
        """Make the sentence. Raises KeyError where the template names a value that is missing."""
        said = super().__new__(cls, template.format(**values))
        said.template, said.values, said.code = template, values, code
        return said

    def __getnewargs__(self) -> tuple[str, Mapping[str, Any], str]:  # type: ignore[override]  # a str's own has one
        """Return what a copy is made of."""
        return self.template, self.values, self.code


def msg(template: str, /, **values: object) -> Message:
    """Make a sentence; the template is what ``messages.po`` translates, with its values in braces."""
    kept = {name: value if isinstance(value, str | int) else str(value) for name, value in values.items()}
    return Message(template, kept)


def with_code(code: str, message: Message) -> Message:
    """Return a sentence that programs know by a code."""
    return Message(message.template, message.values, code)


def code_of(text: str) -> str:
    """Return what programs know a sentence by, "" where it has no code."""
    return text.code if isinstance(text, Message) else ""


def joined(*texts: str, between: str = "; ") -> Message:
    """Put sentences or names behind each other. A list has no words of its own, hence needs no translation."""
    values = {f"text_{place}": text for place, text in enumerate(texts)}
    return Message(between.join(f"{{{name}}}" for name in values), values)


def translate(text: str, language: Language) -> str:
    """Return a sentence in a language; a text from elsewhere, such as a remote system's own, stays as it is."""
    if not text or not isinstance(text, Message):  # to "" gettext answers with the header of the catalog
        return text
    values = _changed(text.values, partial(translate, language=language))
    return translations(language).gettext(text.template).format(**values)


def as_json(text: str) -> str | dict[str, Any]:
    """Put a text into what JSON can hold, without losing how it was made."""
    if not isinstance(text, Message):
        return str(text)
    told = {"said": text.template, "with": _changed(text.values, as_json)}
    return {**told, "code": text.code} if text.code else told


def from_json(told: str | dict[str, Any]) -> str:
    """Return the text that was put into JSON; what an earlier release worded differently is in today's words."""
    if isinstance(told, str):
        return told
    template = former_wordings().get(told["said"], told["said"])
    return Message(template, _changed(told["with"], from_json), told.get("code", ""))


def _changed(values: Mapping[str, Any], change: Callable[[Any], Any]) -> dict[str, Any]:
    """Change the texts among the values of a sentence; numbers stay."""
    return {name: change(value) if isinstance(value, str | dict) else value for name, value in values.items()}
