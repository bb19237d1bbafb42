"""Every reason why a record did not come across or was left alone, explained to a bookkeeper.

A reason is the short name that errors and skipped outcomes carry. Changes are listed and tried again by it, and
the pages, mails and docs lead to what is said of it here. A test holds these to be the reasons that the code uses.
"""

from collections.abc import Mapping
from types import MappingProxyType

from i18n.messages import Message, msg
from sync.error_codes.connections import SETTINGS_ERRORS, TEMPORARY
from sync.error_codes.error_code import ErrorCode
from sync.error_codes.records import RECORD_ERRORS
from sync.error_codes.skipped import SKIPPED

__all__ = ["ERROR_CODES", "GROUPS", "ErrorCode"]

GROUPS: Mapping[Message, Mapping[str, ErrorCode]] = MappingProxyType(
    {
        msg("Fix the record"): RECORD_ERRORS,
        msg("Fix the settings"): SETTINGS_ERRORS,
        msg("Resolves automatically"): TEMPORARY,
        msg("Skipped on purpose"): SKIPPED,
    }
)
"""The reasons by what follows from them."""

ERROR_CODES: Mapping[str, ErrorCode] = MappingProxyType(RECORD_ERRORS | SETTINGS_ERRORS | TEMPORARY | SKIPPED)
