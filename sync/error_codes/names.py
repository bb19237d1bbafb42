"""Error codes that are compared, or given by several modules; a code that is given once is written there."""

from dataclasses import dataclass

from i18n.messages import Message


@dataclass(frozen=True, slots=True)
class ErrorCode:
    """The explanation of an error code for a bookkeeper: its ``title``, its cause, and what to do about it."""

    title: Message
    cause: Message
    remedy: Message


ACCOUNT_UNKNOWN = "unknown_account"
BEFORE_FIRST_DAY = "before_first_day"
CLIENT_TAKEN = "client_taken"
CUSTOMER_NUMBER = "customer_number"
FAULT = "fault"
FISCAL_YEAR = "fiscal_year"
IDENTITY = "identity"
IDENTITY_BLOCKED = "identity_blocked"
INVOICED = "invoiced"
LOGIN_REFUSED = "login_refused"
MOMENT_COMPANY = "moment_company"
MOMENT_INCLUDES = "moment_includes"
MOMENT_KEY = "moment_key"
NO_NAME = "no_name"
OTHER_CLIENT = "other_client"
PROJECT_NUMBER = "project_number"
SESSION_REFUSED = "session_refused"
TAKEN = "taken"
VAT_ACCOUNT = "vat_account"
VAT_NOT_BALANCED = "vat_not_balanced"
VAT_RATE = "vat_rate"
VAT_ROUNDING = "vat_rounding"
VAT_WITHOUT_BASE = "vat_without_base"
