"""Errors of a whole connection: its settings, and temporary problems."""

from i18n.messages import msg
from sync.error_codes.names import ErrorCode

SETTINGS_ERRORS = {
    "secrets_unreadable": ErrorCode(
        msg("The password and the API key can't be decrypted"),
        msg(
            "They were damaged or moved in the database, or encrypted with a key that the integration no longer "
            "has."
        ),
        msg(
            "Enter both again in the settings. Queued records are then processed automatically. If this affects "
            "several connections, your system administrator must first check SECRET_KEYS."
        ),
    ),
    "moment_company": ErrorCode(
        msg("The company doesn't exist in Moment"),
        msg("The company id in the settings is wrong, or the API key belongs to another company."),
        msg("Copy the id from the company's address in Moment, and test the connection."),
    ),
    "moment_includes": ErrorCode(
        msg("Moment doesn't include the requested data"),
        msg(
            "Customers are read with email, phone and addresses. Moment doesn't recognize one of the requested "
            "field names."
        ),
        msg("Correct the setting MOMENT_CUSTOMER_INCLUDES of the installation: base+email is known to work."),
    ),
    "moment_key": ErrorCode(
        msg("Moment rejects the API key"),
        msg(
            "The key has expired, was removed or has no access to the company. Keys expire after at most two "
            "years."
        ),
        msg(
            "Create a new API key in Moment and enter it in the settings. Queued records are then processed "
            "automatically."
        ),
    ),
    "fiscal_year_dates": ErrorCode(
        msg("A fiscal year has no dates"),
        msg("24SevenOffice has an open fiscal year without its first or its last day."),
        msg("Enter the first and the last day of each fiscal year in 24SevenOffice, then resume the connection."),
    ),
    "vat_never_seen": ErrorCode(
        msg("The first voucher isn't in the ledger"),
        msg(
            "The first voucher with each VAT code is read back from the ledger before another one is posted. "
            "24SevenOffice accepted this one hours ago, and the ledger doesn't show it."
        ),
        msg(
            "Look for the voucher in 24SevenOffice. Post it if it waits in a journal, and make sure the user of "
            "the connection may read the ledger. If it was deleted, or is right as it stands, mark the invoice "
            "as resolved, then resume the connection."
        ),
    ),
    "connection_paused": ErrorCode(
        msg("The connection is paused"),
        msg("Nothing is synced while a connection is paused, so a backfill can't go on either."),
        msg(
            "See on the connection's page why it is paused, fix the cause and resume it. Then start the "
            "backfill again."
        ),
    ),
    "login_refused": ErrorCode(
        msg("24SevenOffice rejected the sign-in"),
        msg("The user name or the password is wrong. This often follows a password change."),
        msg(
            "Enter user name and password again in the settings. Queued records are then processed automatically."
        ),
    ),
    "session_refused": ErrorCode(
        msg("The user may not use web services"),
        msg("24SevenOffice accepts the sign-in but not the requests in this client."),
        msg("Give the user access to web services in this client of 24SevenOffice, then resume the connection."),
    ),
    "identity": ErrorCode(
        msg("The 24SevenOffice client is ambiguous"),
        msg("The user has access to several clients in 24SevenOffice, or not to the one in the settings."),
        msg("Load the available clients in the connection's settings and choose one."),
    ),
    "identity_blocked": ErrorCode(
        msg("The sign-in has no access to this client"),
        msg("The user is blocked or disabled for this client in 24SevenOffice."),
        msg("Unblock it in 24SevenOffice, or choose another client in the connection's settings."),
    ),
    "other_client": ErrorCode(
        msg("The credentials lead to another client"),
        msg(
            "The connection was used with another 24SevenOffice client, and its links refer to customers, "
            "projects and vouchers there, so nothing was written."
        ),
        msg(
            "Enter credentials for the previous client in the connection's settings. If the new client is "
            "correct, your system administrator must first set the links aside."
        ),
    ),
    "client_taken": ErrorCode(
        msg("Another connection uses this client"),
        msg(
            "Two connections for one client of 24SevenOffice would mix their customers, projects and vouchers, so "
            "nothing was written."
        ),
        msg("Enter credentials for another client, or ask your system administrator which connection to keep."),
    ),
    "client_id": ErrorCode(
        msg("The client id doesn't fit its field"),
        msg("The field that the settings choose for the client id takes whole numbers only."),
        msg("Correct the client id or choose another field for it in the connection's settings."),
    ),
    "voucher_type_missing": ErrorCode(
        msg("24SevenOffice has no type for outgoing invoices"),
        msg("Vouchers are posted with the type “Utgående faktura”, and no type of that name is set up."),
        msg("Set up the type in 24SevenOffice, then resume the connection."),
    ),
    "mail_address": ErrorCode(
        msg("An email address doesn't exist"),
        msg("The mail server says the address doesn't exist, so the alert wasn't delivered."),
        msg("Correct the alert recipients in the connection's settings."),
    ),
}


_NOTHING = msg("No action needed. It is retried automatically until it syncs.")


_LOOKED_AT_FIRST = msg(
    "No action needed. Before retrying, the integration checks whether it was saved, so nothing is duplicated."
)


_LESS_AT_A_TIME = msg(
    "No action needed at first: where possible, less data is requested at a time. If it persists, look for a "
    "record with very many lines and split it, or send this error code to the support of the system named in "
    "the message."
)


TEMPORARY = {
    "dependency_pending": ErrorCode(
        msg("Another record must sync first"),
        msg("An invoice needs its customer and project in 24SevenOffice, a project its customer."),
        msg(
            "No action needed unless the other record needs attention. This one follows as soon as that one has "
            "synced."
        ),
    ),
    "moment_unavailable": ErrorCode(
        msg("Moment isn't responding"),
        msg("Moment couldn't be reached, asked us to wait or sent an unreadable response."),
        _NOTHING,
    ),
    "moment_uncertain": ErrorCode(
        msg("It's unclear whether Moment saved it"),
        msg("The connection broke off, or Moment failed, after something had been sent."),
        _LOOKED_AT_FIRST,
    ),
    "no_connection": ErrorCode(
        msg("24SevenOffice can't be reached"),
        msg("24SevenOffice or the way to it is down."),
        _NOTHING,
    ),
    "no_answer": ErrorCode(
        msg("24SevenOffice didn't respond"),
        msg("The request was sent, but no response arrived in time."),
        _LOOKED_AT_FIRST,
    ),
    "unreadable": ErrorCode(
        msg("The response from 24SevenOffice is unreadable"),
        msg("The response doesn't match the request, for example an error page."),
        _LOOKED_AT_FIRST,
    ),
    "too_slow": ErrorCode(
        msg("The response timed out"),
        msg(
            "The response from Moment or 24SevenOffice wasn't complete within a minute, or the time set by your "
            "system administrator."
        ),
        msg(
            "No action needed: it is retried automatically, and we first check what was already sent. If it "
            "happens often, contact that system's support. Your system administrator can allow more time "
            "(ANSWER_SECONDS)."
        ),
    ),
    "too_large": ErrorCode(
        msg("The response is too large"),
        msg("Moment or 24SevenOffice sent more than 16 MiB in one response. It was cut off and not used."),
        _LESS_AT_A_TIME,
    ),
    "too_many_rows": ErrorCode(
        msg("The response has too many rows"),
        msg("Moment or 24SevenOffice sent far more in one response than the integration reads at a time."),
        _LESS_AT_A_TIME,
    ),
    "too_many_pages": ErrorCode(
        msg("The list has too many pages"),
        msg(
            "Moment or 24SevenOffice reports more pages for a list than any company has, or keeps sending pages "
            "without anything new. None of it was used."
        ),
        msg(
            "No action needed at first: it is retried automatically. If it persists, send this error code to "
            "the support of the system named in the message."
        ),
    ),
    "incomplete_list": ErrorCode(
        msg("The list is incomplete"),
        msg(
            "Moment returned fewer records than it reports, even when asked again. Nothing is changed based on it."
        ),
        msg(
            "No action needed at first. It is retried automatically. If it persists, send this error code to "
            "Moment's support."
        ),
    ),
    "too_deep": ErrorCode(
        msg("The response is nested too deeply"),
        msg("Moment or 24SevenOffice sent a response with too many levels to match the request."),
        msg(
            "No action needed at first: it is retried automatically, and we first check what was already sent. "
            "If it persists, send this error code to the support of the system named in the message."
        ),
    ),
    "too_many_warnings": ErrorCode(
        msg("24SevenOffice sends much unknown data"),
        msg(
            "Responses from 24SevenOffice have more than 20 fields that the integration hasn't seen before. "
            "They are ignored, and the log names no more of them until tomorrow."
        ),
        msg(
            "No action needed if you only use the integration. Your system administrator can check whether a "
            "newer version is available."
        ),
    ),
    "http_error": ErrorCode(
        msg("24SevenOffice responded with a technical error"),
        msg("Its server rejected the request or failed while processing it."),
        _LOOKED_AT_FIRST,
    ),
    "system_error": ErrorCode(
        msg("24SevenOffice has a technical problem"),
        msg("24SevenOffice reports that it failed while saving."),
        _LOOKED_AT_FIRST,
    ),
    "fault": ErrorCode(
        msg("24SevenOffice responded with an error"),
        msg("The integration doesn't know this error. The message quotes it."),
        msg("No action needed at first. If it persists, the message says what 24SevenOffice doesn't accept."),
    ),
    "too_many_requests": ErrorCode(
        msg("24SevenOffice gets too many requests right now"),
        msg("24SevenOffice limits the number of requests per second, so requests are queued."),
        _NOTHING,
    ),
    "quarantine": ErrorCode(
        msg("24SevenOffice is temporarily blocking requests"),
        msg("After too many requests, 24SevenOffice has blocked the integration until the time shown."),
        msg(
            "No action needed. It resumes automatically at that time. If it happens often, your system "
            "administrator should check that our limit is no higher than 24SevenOffice's, and that nothing else "
            "uses the same address."
        ),
    ),
    "budget": ErrorCode(
        msg("This hour's API quota is used up"),
        msg(
            "24SevenOffice allows the integration a certain number of requests per hour, shared by all companies."
        ),
        msg(
            "No action needed. It resumes automatically when there is quota again. If it happens often, your "
            "system administrator can ask 24SevenOffice for a higher quota and raise the limit in the settings."
        ),
    ),
    "share": ErrorCode(
        msg("The company has used its share of the API quota"),
        msg("All companies share the hourly API quota of 24SevenOffice, and no company may use all of it."),
        msg(
            "No action needed. It resumes automatically within the hour. If it happens often, your system "
            "administrator can raise the limit or the share."
        ),
    ),
    "vat_not_seen": ErrorCode(
        msg("The first voucher isn't in the ledger yet"),
        msg("The first voucher with each VAT code is read back from the ledger before another one is posted."),
        msg(
            "No action needed. If it isn't there after six hours, the connection pauses, and an email says what "
            "to do."
        ),
    ),
    "session": ErrorCode(
        msg("The session expired"),
        msg("24SevenOffice no longer recognized the session."),
        msg("No action needed. The integration signs in again automatically."),
    ),
    "redis": ErrorCode(
        msg("Part of the integration is down"),
        msg("The integration can't reach its store of sessions and quota (Redis) and is waiting for it."),
        msg(
            "No action needed if you only use the integration. Your system administrator should make sure Redis "
            "is running."
        ),
    ),
    "stood_still": ErrorCode(
        msg("The integration was suspended"),
        msg(
            "The server running the integration was suspended just before sending, for so long that another "
            "server may already have sent it. So it wasn't sent."
        ),
        msg("No action needed. It is checked again automatically."),
    ),
    "no_number": ErrorCode(
        msg("24SevenOffice didn't return the customer number"),
        msg("The customer was sent, but the response doesn't say whether it was saved."),
        _LOOKED_AT_FIRST,
    ),
    "mail": ErrorCode(
        msg("The mail server isn't accepting email"),
        msg("The mail server is down or is rejecting the integration for now."),
        msg("No action needed. Emails are queued and sent later. Everything is on the pages meanwhile."),
    ),
}
