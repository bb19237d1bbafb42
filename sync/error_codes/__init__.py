"""Every error code, explained for a bookkeeper. A test checks that these are exactly the codes in use."""

from collections.abc import Mapping
from types import MappingProxyType

from i18n.messages import Message, msg
from sync.error_codes.connections import SETTINGS_ERRORS, TEMPORARY
from sync.error_codes.names import ErrorCode
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
"""The error codes by what follows from them."""

ERROR_CODES: Mapping[str, ErrorCode] = MappingProxyType(RECORD_ERRORS | SETTINGS_ERRORS | TEMPORARY | SKIPPED)
