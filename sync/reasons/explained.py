"""What is told of a reason on the page that has its name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from language.said import Said


@dataclass(frozen=True, slots=True)
class Explained:
    """A reason for a bookkeeper: its ``title``, where it comes from, and what to do about it."""

    title: Said
    cause: Said
    cure: Said
