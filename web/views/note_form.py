"""The rules for notes, on pages and in the API."""

from i18n.messages import Message, msg
from models.admin.notes import MAX_LENGTH, MAX_NOTES

TOO_MANY_NOTES = msg("This record already has {number} notes, which is the maximum.", number=MAX_NOTES)


def note_problem(text: str) -> Message | None:
    """Return why a text cannot be a note, None if it can."""
    if not text:
        return msg("Write a note first.")
    if len(text) > MAX_LENGTH:
        return msg("A note has at most {number} characters.", number=MAX_LENGTH)
    return None
