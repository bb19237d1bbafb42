"""Errors of a whole connection: its settings, and what is temporary."""

from i18n.messages import msg
from sync.error_codes.error_code import ErrorCode

SETTINGS_ERRORS = {
    "secrets_unreadable": ErrorCode(
        msg("The password and the API key cannot be opened"),
        msg(
            "They were damaged or moved in the database, or encrypted with a key that the integration no longer "
            "has."
        ),
        msg(
            "Enter both again in the settings. What waits is then taken up by itself. If they cannot be opened "
            "for several connections, those who run the integration first see to SECRET_KEYS."
        ),
    ),
    "moment_company": ErrorCode(
        msg("Moment does not know the company"),
        msg("The id of the company in the settings is wrong, or the API key belongs to another company."),
        msg("Copy the id from the address of the company in Moment, and test the connection."),
    ),
    "moment_includes": ErrorCode(
        msg("Moment does not include what is asked for"),
        msg("Customers are read with e-mail, phone and addresses, one of which Moment knows by another name."),
        msg("Correct the setting MOMENT_CUSTOMER_INCLUDES of the installation: base+email is known to work."),
    ),
    "moment_key": ErrorCode(
        msg("Moment does not accept the API key"),
        msg("The key has expired or was removed, or it has no access to the company. It lives two years at most."),
        msg("Make a new API key in Moment and enter it in the settings. What waits is then taken up by itself."),
    ),
    "fiscal_year_dates": ErrorCode(
        msg("A fiscal year has no dates"),
        msg("24SevenOffice has an open fiscal year without its first or its last day."),
        msg("Enter the first and the last day of each fiscal year in 24SevenOffice, then resume the connection."),
    ),
    "vat_never_seen": ErrorCode(
        msg("The ledger does not show the first voucher"),
        msg(
            "The first voucher with each VAT code is read back from the ledger before another one is posted. "
            "24SevenOffice accepted this one hours ago, and the ledger does not show it."
        ),
        msg(
            "Look for the voucher in 24SevenOffice. Post it if it waits in a journal, and see that the user of "
            "the connection may read the ledger. If it was deleted, or is right as it stands, mark the invoice as "
            "handled, then resume the connection."
        ),
    ),
    "connection_paused": ErrorCode(
        msg("The connection is paused"),
        msg("Nothing is synced while a connection is paused, so a backfill cannot go on either."),
        msg("See on its page why it is paused, put that right and resume it. Then start the backfill again."),
    ),
    "login_refused": ErrorCode(
        msg("24SevenOffice refused the login"),
        msg("The user name, the password or the identity is wrong. It often follows a new password."),
        msg("Enter user name and password again in the settings. What waits is then taken up by itself."),
    ),
    "session_refused": ErrorCode(
        msg("The user may not use web services"),
        msg("24SevenOffice accepts the login, but not what is done with it in this client."),
        msg("Give the user access to web services in this client of 24SevenOffice, then resume the connection."),
    ),
    "identity": ErrorCode(
        msg("It is not clear which client is meant"),
        msg("The login reaches several clients of 24SevenOffice, or not the one in the settings."),
        msg("Choose the client in the settings."),
    ),
    "identity_blocked": ErrorCode(
        msg("The login has no access to this client"),
        msg("The identity is blocked or disabled in 24SevenOffice."),
        msg("Unblock it in 24SevenOffice, or choose another client in the settings."),
    ),
    "other_client": ErrorCode(
        msg("The login leads to another client"),
        msg(
            "The connection has worked in another client of 24SevenOffice, and its links name customers, projects "
            "and vouchers of that one. So nothing was written."
        ),
        msg(
            "Enter a login for the former client in the settings. If the new one is right, those who run the "
            "integration set the links aside first."
        ),
    ),
    "client_taken": ErrorCode(
        msg("Another connection is for this client"),
        msg(
            "Two connections for one client of 24SevenOffice would mix their customers, projects and vouchers, so "
            "nothing was written."
        ),
        msg("Enter a login for another client, or ask those who run the integration which connection stays."),
    ),
    "client_id": ErrorCode(
        msg("The client id does not fit its field"),
        msg("The field that the settings choose for the client id takes whole numbers only."),
        msg("Correct the client id, or choose another field for it in the settings."),
    ),
    "voucher_type_missing": ErrorCode(
        msg("24SevenOffice has no type for outgoing invoices"),
        msg("Vouchers are posted with the type “Utgående faktura”, and no type of that name is set up."),
        msg("Set up the type in 24SevenOffice, then resume the connection."),
    ),
    "mail_address": ErrorCode(
        msg("An e-mail address does not exist"),
        msg("The mail server says that there is no such address, so nobody was told."),
        msg("Correct the addresses for errors in the settings."),
    ),
}


_NOTHING = msg("Nothing. It is tried again by itself until it has come across.")


_LOOKED_AT_FIRST = msg(
    "Nothing. Before it is tried again the bridge looks whether it was saved, so nothing is doubled."
)


_LESS_AT_A_TIME = msg(
    "Nothing at first: where it can be, less is asked for at a time. If it stays, look for a record with very "
    "many lines and divide it, or send this error code to the support of the system that the message names."
)


TEMPORARY = {
    "dependency_pending": ErrorCode(
        msg("Another record must come first"),
        msg("An invoice needs its customer and project in 24SevenOffice, a project its customer."),
        msg("Nothing, unless the other record needs you. This one follows as soon as that one has come across."),
    ),
    "moment_unavailable": ErrorCode(
        msg("Moment does not answer"),
        msg("Moment could not be reached, asked for a pause, or gave no answer that could be read."),
        _NOTHING,
    ),
    "moment_uncertain": ErrorCode(
        msg("Nobody knows whether Moment saved it"),
        msg("The connection broke off, or Moment failed, after something had been sent."),
        _LOOKED_AT_FIRST,
    ),
    "no_connection": ErrorCode(
        msg("24SevenOffice cannot be reached"),
        msg("24SevenOffice or the way to it is down."),
        _NOTHING,
    ),
    "no_answer": ErrorCode(
        msg("24SevenOffice gave no answer"),
        msg("The request was sent, but the answer did not come in time."),
        _LOOKED_AT_FIRST,
    ),
    "unreadable": ErrorCode(
        msg("The answer of 24SevenOffice cannot be read"),
        msg("Something came back that is no answer to what was asked, such as an error page."),
        _LOOKED_AT_FIRST,
    ),
    "too_slow": ErrorCode(
        msg("The answer did not come in time"),
        msg(
            "Moment or 24SevenOffice was asked, and its answer was not complete in time: in a minute, unless "
            "whoever runs the integration has set something else."
        ),
        msg(
            "Nothing: it is tried again by itself, and what was sent is looked for first. If it happens often, "
            "ask the support of that system; whoever runs the integration may allow more time (ANSWER_SECONDS)."
        ),
    ),
    "too_large": ErrorCode(
        msg("The answer is too large"),
        msg("Moment or 24SevenOffice sent more than 16 MiB in one answer. It was broken off and not used."),
        _LESS_AT_A_TIME,
    ),
    "too_many_rows": ErrorCode(
        msg("The answer has too many rows"),
        msg("Moment or 24SevenOffice sent far more in one answer than the integration reads at a time."),
        _LESS_AT_A_TIME,
    ),
    "too_many_pages": ErrorCode(
        msg("The list has too many pages"),
        msg(
            "Moment or 24SevenOffice says of a list that it has more pages than any company has, or goes on "
            "without anything new. Nothing of it was used."
        ),
        msg(
            "Nothing at first: it is tried again by itself. If it stays, send this error code to the support of "
            "the system that the message names."
        ),
    ),
    "incomplete_list": ErrorCode(
        msg("The list is not whole"),
        msg("Moment told fewer records than it says to have, and again when asked. Nothing is concluded from it."),
        msg(
            "Nothing at first: it is tried again by itself. If it stays, send this error code to Moment's support."
        ),
    ),
    "too_deep": ErrorCode(
        msg("The answer is nested too deeply"),
        msg("Moment or 24SevenOffice sent an answer with so many levels that it cannot be one to what was asked."),
        msg(
            "Nothing at first: it is tried again by itself, and what was sent is looked for first. If it stays, "
            "send this error code to the support of the system that the message names."
        ),
    ),
    "too_many_warnings": ErrorCode(
        msg("24SevenOffice sends much that is unknown"),
        msg(
            "Answers of 24SevenOffice have more than 20 parts that the integration has not seen before. They are "
            "left out, and the log names no more of them until tomorrow."
        ),
        msg("Nothing, if you only use the integration. Whoever runs it sees whether there is a newer version."),
    ),
    "http_error": ErrorCode(
        msg("24SevenOffice answered with a technical error"),
        msg("Its server did not take the request, or failed while it was at work on it."),
        _LOOKED_AT_FIRST,
    ),
    "system_error": ErrorCode(
        msg("24SevenOffice has a technical problem"),
        msg("24SevenOffice itself says that it failed while it was saving."),
        _LOOKED_AT_FIRST,
    ),
    "fault": ErrorCode(
        msg("24SevenOffice answered with an error"),
        msg("The error is none of those that the bridge knows; the message has its own words."),
        msg("Nothing at first. If it stays, the words of the message tell what 24SevenOffice does not like."),
    ),
    "too_many_requests": ErrorCode(
        msg("24SevenOffice gets too many requests just now"),
        msg("24SevenOffice limits how much it is asked in a second, so requests wait for their turn."),
        _NOTHING,
    ),
    "quarantine": ErrorCode(
        msg("24SevenOffice takes no requests for a while"),
        msg("After too many requests 24SevenOffice has shut the bridge out, until the time that it names."),
        msg(
            "Nothing. It goes on by itself at that time. If it happens often, whoever runs the bridge sees that "
            "its limit is no higher than that of 24SevenOffice, and that nothing else asks from its address."
        ),
    ),
    "budget": ErrorCode(
        msg("The requests of this hour are used up"),
        msg("24SevenOffice allows the bridge a certain number of requests an hour, for all companies together."),
        msg(
            "Nothing. It goes on by itself as soon as there are requests again. If it happens often, whoever runs "
            "the bridge asks 24SevenOffice for more and raises the limit in its settings."
        ),
    ),
    "share": ErrorCode(
        msg("The company has used its share of the requests"),
        msg("All companies share the requests that 24SevenOffice allows in an hour, and none may take them all."),
        msg(
            "Nothing. It goes on by itself within the hour. If it happens often, whoever runs the bridge raises "
            "the limit or the share in its settings."
        ),
    ),
    "vat_not_seen": ErrorCode(
        msg("The ledger does not show the first voucher yet"),
        msg("The first voucher with each VAT code is read back from the ledger before another one is posted."),
        msg("Nothing. If it is not there after six hours, the connection pauses, and a mail says what to do."),
    ),
    "session": ErrorCode(
        msg("The session has ended"),
        msg("24SevenOffice did not know the session of the login any more."),
        msg("Nothing. The bridge logs in again by itself."),
    ),
    "redis": ErrorCode(
        msg("A part of the bridge is down"),
        msg("The bridge cannot reach its own store of sessions and requests (Redis), and waits for it."),
        msg("Nothing, if you only use the bridge. Whoever runs it sees that Redis is started."),
    ),
    "stood_still": ErrorCode(
        msg("The bridge stood still for a while"),
        msg(
            "The machine that the bridge runs on was paused or held up just before something was to be sent, for "
            "so long that another part of the bridge may have sent it by now. So it was not sent."
        ),
        msg("Nothing. It is looked at again by itself."),
    ),
    "no_number": ErrorCode(
        msg("24SevenOffice did not tell the customer number"),
        msg("The customer was sent, but the answer does not say what became of it."),
        _LOOKED_AT_FIRST,
    ),
    "mail": ErrorCode(
        msg("The mail server does not take mails"),
        msg("The mail server is down, or refuses the bridge for the time being."),
        msg("Nothing. Mails wait and are sent later; the pages show everything meanwhile."),
    ),
}
