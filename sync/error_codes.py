"""Every reason why a record did not come across or was left alone, explained to a bookkeeper.

A reason is the short name that errors and skipped outcomes carry. Changes are listed and tried again by it, and
the pages, mails and docs lead to what is said of it here. A test holds these to be the reasons that the code uses.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from i18n.messages import Message, msg


@dataclass(frozen=True, slots=True)
class ErrorCode:
    """A reason for a bookkeeper: its ``title``, where it comes from, and what to do about it."""

    title: Message
    cause: Message
    remedy: Message


RECORD_ERRORS = {
    "no_name": ErrorCode(
        msg("The name is missing"),
        msg("A customer or project has no name in Moment, and 24SevenOffice takes none without."),
        msg("Give it a name in Moment; it then comes across by itself."),
    ),
    "organization_number": ErrorCode(
        msg("The organization number is not valid"),
        msg("A Norwegian organization number has nine digits, of which the last one checks the others."),
        msg("Correct the number of the customer in Moment, or set the country if the customer is foreign."),
    ),
    "amount": ErrorCode(
        msg("The amount cannot be right"),
        msg("An amount is larger than any in the books, or no number at all. Nothing was made of it."),
        msg("Correct it where it was entered, in Moment or in 24SevenOffice, then try again."),
    ),
    "customer_number": ErrorCode(
        msg("The customer number cannot be used"),
        msg(
            "Customers do not travel on this connection, so an invoice needs the customer number of 24SevenOffice."
        ),
        msg("Enter the customer's number from 24SevenOffice in Moment, or let customers travel in the settings."),
    ),
    "project_number": ErrorCode(
        msg("The project number cannot be used"),
        msg("In 24SevenOffice a project is known by its number, which must be a whole number that is free."),
        msg("Give the project in Moment another number, without letters or signs."),
    ),
    "no_customer": ErrorCode(
        msg("The customer is missing"),
        msg("The invoice names no customer in Moment, and a voucher cannot do without one."),
        msg("Give it a customer in Moment."),
    ),
    "which_customer": ErrorCode(
        msg("It is not clear which customer this is"),
        msg("24SevenOffice has one or more customers that this one may be, but none of them for certain."),
        msg("Open the record and choose the customer that it is, or say that it is a new one."),
    ),
    "number_kept": ErrorCode(
        msg("Moment keeps another customer number"),
        msg(
            "The customer's number in 24SevenOffice was returned to Moment, which took it and still has its own "
            "number. It is not returned again and again."
        ),
        msg("Enter the number of 24SevenOffice for the customer in Moment. Invoices are booked on it either way."),
    ),
    "project_taken": ErrorCode(
        msg("Another project has this number"),
        msg("24SevenOffice has a project with this number, but of another name or customer. It is left as it is."),
        msg("Give the project another number in Moment, or open the record and say that it is the same project."),
    ),
    "taken": ErrorCode(
        msg("Two records want the same number"),
        msg("What this record would be in 24SevenOffice belongs to another record in Moment already."),
        msg("Give one of the two another number in Moment, then try again."),
    ),
    "invoice_number": ErrorCode(
        msg("The invoice number is missing"),
        msg("The invoice is finalized in Moment but has no number, which its voucher needs."),
        msg("Look at the invoice in Moment. Ask Moment's support if it is finalized and still has no number."),
    ),
    "unbalanced": ErrorCode(
        msg("The voucher would not balance"),
        msg("The lines of the invoice add up to something else than its total, so debit and credit differ."),
        msg("Credit the invoice in Moment and make a new one, or post it by hand and mark it as handled."),
    ),
    "nothing_to_post": ErrorCode(
        msg("The invoice has no amounts"),
        msg("Every line of the invoice is zero, so that there is nothing to post."),
        msg("Set the invoice to “do not transfer” in Moment if that is right, else credit it and make a new one."),
    ),
    "currency_rate": ErrorCode(
        msg("The rate of the currency is missing"),
        msg("The invoice is in another currency, and Moment does not tell its rate in kroner."),
        msg(
            "Post the invoice by hand and mark it as handled, or credit it in Moment and make it anew with a rate."
        ),
    ),
    "unknown_account": ErrorCode(
        msg("The account does not exist in 24SevenOffice"),
        msg("An account of the invoice's lines, or the receivables account in the settings, is not there."),
        msg("Open the account in 24SevenOffice or correct it where it is named, then try again."),
    ),
    "vat_rate": ErrorCode(
        msg("The VAT code has another rate"),
        msg(
            "A line of the invoice was charged with a VAT rate that the VAT code of its account in 24SevenOffice "
            "does not have, so that the ledger would show other VAT than the invoice."
        ),
        msg("Name the right VAT code for the account in the settings, or correct the account in 24SevenOffice."),
    ),
    "fiscal_year": ErrorCode(
        msg("The fiscal year is not open"),
        msg("24SevenOffice has no open fiscal year with the date of the invoice: it is locked or not set up yet."),
        msg("Open the fiscal year in 24SevenOffice and try again, or post the invoice by hand."),
    ),
    "no_voucher_number": ErrorCode(
        msg("24SevenOffice has no voucher number to give"),
        msg("The number series for outgoing invoices is not set up for the fiscal year of the invoice."),
        msg("Set up the series and the fiscal year in 24SevenOffice, then try again."),
    ),
    "differs": ErrorCode(
        msg("The ledger has another voucher with this invoice number"),
        msg(
            "Its account, amount, date or customer is not that of the invoice. It is neither changed nor doubled."
        ),
        msg(
            "Compare the two. Correct the voucher in 24SevenOffice and try again, or mark the invoice as handled."
        ),
    ),
    "unseen_draft": ErrorCode(
        msg("The draft may be in the journal already"),
        msg("A call broke off, and from outside nobody can see whether the draft waits in the journal."),
        msg("Look for it in the journal: mark the invoice as handled if it is there, else try it again."),
    ),
    "set_aside": ErrorCode(
        msg("It was synced before the links were set aside"),
        msg(
            "Before the connection's links were set aside, this invoice was posted or this voucher became an "
            "expense. Where that is cannot be seen from here any more."
        ),
        msg(
            "Look whether it belongs to the company that the connection leads to now: try it again by itself if "
            "it does, else mark it as handled."
        ),
    ),
    "moment_value": ErrorCode(
        msg("A value in Moment cannot be read"),
        msg("A field of the record is empty or holds something that does not belong there; the message names it."),
        msg(
            "Correct the record in Moment. A finalized invoice must be credited and made anew, or posted by hand."
        ),
    ),
    "dependency_gone": ErrorCode(
        msg("The customer or project is no longer in Moment"),
        msg(
            "An invoice needs its customer and project in 24SevenOffice, and a project its customer. That one was "
            "deleted in Moment, or merged with another one, before it came across."
        ),
        msg(
            "Choose a customer or project that Moment has. A finalized invoice must be credited and made anew, or "
            "posted by hand and marked as handled."
        ),
    ),
    "dependency_dismissed": ErrorCode(
        msg("The customer or project was closed by somebody"),
        msg(
            "An invoice needs its customer and project in 24SevenOffice, and a project its customer. Somebody has "
            "closed that one, so that it is not transferred."
        ),
        msg(
            "Try the customer or project again, and this follows by itself. Or handle it by hand, and close it "
            "too."
        ),
    ),
    "moment_refused": ErrorCode(
        msg("Moment refused this"),
        msg("Moment answered that it does not take what was to be saved; the message has its own words."),
        msg("Correct what Moment names, then try again."),
    ),
    "moment_gone": ErrorCode(
        msg("The record is no longer in Moment"),
        msg("It was removed while something was to be saved on it."),
        msg("Mark it as handled if it was removed on purpose."),
    ),
    "refused": ErrorCode(
        msg("24SevenOffice refused the record"),
        msg("24SevenOffice does not take the customer or the voucher as it is; the message has its own words."),
        msg("Correct what it names, in Moment or in 24SevenOffice, then try again."),
    ),
    "not_understood": ErrorCode(
        msg("24SevenOffice could not read the record"),
        msg("Something in the record, such as an unusual sign or a very long text, was not understood."),
        msg("Look for it in Moment and correct it. If nothing looks unusual, ask whoever runs the bridge."),
    ),
    "department_required": ErrorCode(
        msg("24SevenOffice requires a department"),
        msg("An account or project is set up so that every line needs a department, which Moment does not have."),
        msg(
            "Enter the number of a department in the connection's settings, or let 24SevenOffice do without it "
            "for projects and for the accounts of invoices. Then try again."
        ),
    ),
    "project_required": ErrorCode(
        msg("24SevenOffice requires a project"),
        msg("An account is set up so that every line needs a project, and the invoice is on none."),
        msg("Put the record on a project in Moment, or let 24SevenOffice do without it for the account."),
    ),
    "activity": ErrorCode(
        msg("The activity cannot take expenses"),
        msg(
            "Expenses go to an activity of the project, which is closed in Moment or cannot be made by the bridge."
        ),
        msg("Open or make the activity with the name in the message, or choose another one in the settings."),
    ),
    "invoiced": ErrorCode(
        msg("The expense is invoiced already"),
        msg("The voucher was changed in 24SevenOffice after its expense had been invoiced in Moment."),
        msg("Correct it by hand where it was invoiced, then mark it as handled."),
    ),
    "vat_unclear": ErrorCode(
        msg("The VAT of the voucher does not add up"),
        msg(
            "The VAT lines of the supplier's voucher are not what the rates of its VAT codes make of its costs, "
            "so that nobody can tell what a cost is with VAT."
        ),
        msg("Correct the VAT of the voucher in 24SevenOffice; its expenses then come by themselves."),
    ),
    "voucher_gone": ErrorCode(
        msg("The voucher is no longer shown"),
        msg(
            "24SevenOffice has no line of a voucher whose expenses are in Moment, not even a hidden one. Nothing "
            "is removed for that."
        ),
        msg("Look for the voucher. Try again if it is there, else delete its expenses in Moment by hand."),
    ),
    "document": ErrorCode(
        msg("A document could not be brought"),
        msg("The expense is in Moment, but a document of its voucher did not come along. It is tried again."),
        msg("Nothing at first. If it keeps failing, attach the document to the expense by hand."),
    ),
    "file_broken": ErrorCode(
        msg("A document is broken in 24SevenOffice"),
        msg("What was downloaded is not what 24SevenOffice says that it holds."),
        msg("Open the document in 24SevenOffice. Attach it to the voucher anew if it cannot be read."),
    ),
    "file_gone": ErrorCode(
        msg("A document is no longer in 24SevenOffice"),
        msg("It was taken away from the voucher while it was being brought."),
        msg("Attach it to the voucher anew if it is still needed, else mark this as handled."),
    ),
    "file_too_large": ErrorCode(
        msg("A document is too large"),
        msg("24SevenOffice says of a document on the voucher that it has more than 100 MiB. It is not brought."),
        msg(
            "Attach a smaller one to the voucher, or add it to the expense in Moment by hand and mark this as "
            "handled."
        ),
    ),
    "worker_crashes": ErrorCode(
        msg("The bridge broke down over this record"),
        msg("The bridge stopped several times with this record in hand, so it was set aside to spare the others."),
        msg("Tell whoever runs the bridge. Trying again does no harm: the other system is looked at first."),
    ),
    "fails_alone": ErrorCode(
        msg("A system does not answer for this record"),
        msg(
            "Moment or 24SevenOffice failed on this record again and again, while it took others of the same type."
        ),
        msg(
            "Compare the record with others in that system, correct it, and retry it. If you find nothing, ask "
            "that system's support; the record's page has the calls."
        ),
    ),
    "crashed": ErrorCode(
        msg("The bridge itself failed"),
        msg("Something happened that the bridge does not know, tried several times."),
        msg("Tell whoever runs the bridge; the log says more. Trying again does no harm."),
    ),
}


SETTINGS_ERRORS = {
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


SKIPPED = {
    "do_not_transfer": ErrorCode(
        msg("Do not transfer"),
        msg("Somebody has said that the invoice is not to be transferred to accounting."),
        msg("Nothing. If it is to be transferred after all, change its export status in Moment."),
    ),
    "transferred": ErrorCode(
        msg("It has been transferred already"),
        msg("Moment says of the invoice that it has been transferred, such as by hand or by an earlier system."),
        msg("Nothing. If it is not in the ledger, change its export status in Moment."),
    ),
    "not_finalized": ErrorCode(
        msg("The invoice is not finalized yet"),
        msg("A draft may still change, so only a finalized invoice is posted."),
        msg("Nothing. It comes across when it is finalized in Moment."),
    ),
    "gone": ErrorCode(
        msg("The record is not in Moment any more"),
        msg("It was deleted in Moment, so that there is nothing to transfer any more."),
        msg("Nothing. What 24SevenOffice may have of it stays there."),
    ),
    "not_listed": ErrorCode(
        msg("The account is not listed for expenses"),
        msg("Only costs on the accounts in the settings become expenses in Moment."),
        msg("Nothing, or add the account to the settings and import the expenses of the last days once more."),
    ),
    "before_first_day": ErrorCode(
        msg("It is dated before the first day"),
        msg(
            "Invoices and vouchers dated before the day in the settings are left alone: for going live, or since "
            "their type was off until then."
        ),
        msg(
            "Nothing, or set an earlier day in the settings. Then try the invoice again, or import the expenses "
            "of those days."
        ),
    ),
    "no_project": ErrorCode(
        msg("The cost is on no project"),
        msg("An expense in Moment belongs to a project, and the line in 24SevenOffice has none."),
        msg("Nothing, if the cost belongs to no project. Else put the line on one in 24SevenOffice."),
    ),
    "unknown_project": ErrorCode(
        msg("Moment does not have the project"),
        msg("The line is on a project in 24SevenOffice whose number no project in Moment has."),
        msg("Nothing, if the project is not Moment's. Else correct its number on the voucher or in Moment."),
    ),
    "no_costs": ErrorCode(
        msg("The voucher has no costs"),
        msg("It has no line that could become an expense, or it is no longer in the ledger."),
        msg("Nothing."),
    ),
    "not_approved": ErrorCode(
        msg("The document waits for approval"),
        msg("An expense is brought when its document is approved in 24SevenOffice. It is looked at for 90 days."),
        msg("Approve the document in 24SevenOffice; the expense then comes by itself."),
    ),
    "kept": ErrorCode(
        msg("The expenses stay, though they would not be brought now"),
        msg(
            "The ledger still has the costs, and the settings or the projects of Moment would leave them out by "
            "now. What was brought before is neither changed nor removed."
        ),
        msg("Nothing, or delete them in Moment if they are not to be there."),
    ),
    "removed": ErrorCode(
        msg("The expenses were removed"),
        msg("The voucher no longer has the costs that were brought, so their expenses were taken out of Moment."),
        msg("Nothing."),
    ),
}


GROUPS: Mapping[Message, Mapping[str, ErrorCode]] = MappingProxyType(
    {
        msg("Somebody corrects the record"): RECORD_ERRORS,
        msg("Somebody corrects the settings"): SETTINGS_ERRORS,
        msg("It passes by itself"): TEMPORARY,
        msg("Nothing is wrong: it was left alone"): SKIPPED,
    }
)
"""The reasons by what follows from them."""

ERROR_CODES: Mapping[str, ErrorCode] = MappingProxyType(RECORD_ERRORS | SETTINGS_ERRORS | TEMPORARY | SKIPPED)
