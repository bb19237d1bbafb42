"""What stops a whole connection, or its mails, until a person has corrected its settings."""

from __future__ import annotations

from language.said import say
from sync.reasons.explained import Explained

SETTINGS = {
    "moment_company": Explained(
        say("Moment does not know the company"),
        say("The id of the company in the settings is wrong, or the API key belongs to another company."),
        say("Copy the id from the address of the company in Moment, and test the connection."),
    ),
    "moment_key": Explained(
        say("Moment does not accept the API key"),
        say("The key has expired or was removed, or it has no access to the company. It lives two years at most."),
        say("Make a new API key in Moment and enter it in the settings. What waits is then taken up by itself."),
    ),
    "login_refused": Explained(
        say("24SevenOffice refused the login"),
        say("The user name, the password or the identity is wrong. It often follows a new password."),
        say("Enter user name and password again in the settings. What waits is then taken up by itself."),
    ),
    "session_refused": Explained(
        say("The user may not use web services"),
        say("24SevenOffice accepts the login, but not what is done with it in this client."),
        say("Give the user access to web services in this client of 24SevenOffice, then resume the connection."),
    ),
    "identity": Explained(
        say("It is not clear which client is meant"),
        say("The login reaches several clients of 24SevenOffice, or not the one in the settings."),
        say("Choose the client in the settings."),
    ),
    "identity_blocked": Explained(
        say("The login has no access to this client"),
        say("The identity is blocked or disabled in 24SevenOffice."),
        say("Unblock it in 24SevenOffice, or choose another client in the settings."),
    ),
    "client_id": Explained(
        say("The client id does not fit its field"),
        say("The field that the settings choose for the client id takes whole numbers only."),
        say("Correct the client id, or choose another field for it in the settings."),
    ),
    "voucher_type_missing": Explained(
        say("24SevenOffice has no type for outgoing invoices"),
        say("Vouchers are posted with the type “Utgående faktura”, and no type of that name is set up."),
        say("Set up the type in 24SevenOffice, then resume the connection."),
    ),
    "mail_address": Explained(
        say("An e-mail address does not exist"),
        say("The mail server says that there is no such address, so nobody was told."),
        say("Correct the addresses for errors in the settings."),
    ),
}
