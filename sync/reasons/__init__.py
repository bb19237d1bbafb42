"""Every reason why a record did not come across or was left alone, explained to a bookkeeper.

A reason is the short name that errors and skipped outcomes carry. Changes are listed and tried again by it, and
the pages, mails and docs lead to what is said of it here. A test holds these to be the reasons that the code uses.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

from language.said import say
from sync.reasons.left_alone import LEFT_ALONE
from sync.reasons.passing import PASSING
from sync.reasons.records import RECORDS
from sync.reasons.settings import SETTINGS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from language.said import Said
    from sync.reasons.explained import Explained

GROUPS: Mapping[Said, Mapping[str, Explained]] = MappingProxyType(
    {
        say("Somebody corrects the record"): RECORDS,
        say("Somebody corrects the settings"): SETTINGS,
        say("It passes by itself"): PASSING,
        say("Nothing is wrong: it was left alone"): LEFT_ALONE,
    }
)
"""The reasons by what follows from them."""

REASONS: Mapping[str, Explained] = MappingProxyType(RECORDS | SETTINGS | PASSING | LEFT_ALONE)
