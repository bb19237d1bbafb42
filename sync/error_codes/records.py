"""Errors of one record, which a person corrects in the record."""

from i18n.messages import msg
from sync.error_codes.error_code import ErrorCode

RECORD_ERRORS = {
    "no_name": ErrorCode(
        msg("The name is missing"),
        msg("A customer or project has no name in Moment, and 24SevenOffice takes none without."),
        msg("Give it a name in Moment; it then comes across by itself."),
    ),
    "no_amount": ErrorCode(
        msg("A line in the ledger has no amount"),
        msg("24SevenOffice shows a line of the voucher without an amount, so nothing can be said of the whole."),
        msg("Look at the voucher in 24SevenOffice, then try again."),
    ),
    "no_date": ErrorCode(
        msg("A line in the ledger has no date"),
        msg("24SevenOffice shows a line of a voucher without a date, so nobody can tell which voucher it is of."),
        msg("Look at the voucher in 24SevenOffice, then try again."),
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
        msg("The invoice number cannot be used"),
        msg("The invoice is finalized in Moment and has no number, or one that is too high for a voucher."),
        msg("Look at the invoice in Moment. Post it by hand and mark it as handled, or ask Moment's support."),
    ),
    "unbalanced": ErrorCode(
        msg("The voucher would not balance"),
        msg(
            "The lines of the invoice are off its total by more than half an øre a line: debit and credit differ."
        ),
        msg(
            "Credit the invoice in Moment and make a new one, or post it by hand and mark it as handled. If its "
            "total is rounded to a whole krone, enter the account for rounding in the settings."
        ),
    ),
    "currency_rate": ErrorCode(
        msg("The rate of the currency is missing or wrong"),
        msg(
            "The invoice is in another currency. Moment does not tell its rate in kroner, 24SevenOffice has none "
            "to compare it with, or one is more than three times the other."
        ),
        msg(
            "Enter the rate of the currency in 24SevenOffice, or credit the invoice in Moment and make it anew "
            "with its rate. Or post it by hand and mark it as handled."
        ),
    ),
    "rate_of_one": ErrorCode(
        msg("The rate of the currency is 1"),
        msg(
            "The invoice is in another currency, and its rate is exactly 1 krone, as where no rate was entered. "
            "Its amounts would be booked as if they were kroner."
        ),
        msg(
            "If no rate was entered, credit the invoice in Moment and make it anew with its rate. If it is right, "
            "post it by hand and mark it as handled."
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
    "vat_account": ErrorCode(
        msg("The VAT code has no account for its VAT"),
        msg("24SevenOffice names none for it, and a voucher has its VAT on lines of its own."),
        msg("Set the account of the VAT code in 24SevenOffice, or name another VAT code for the revenue account."),
    ),
    "vat_not_balanced": ErrorCode(
        msg("24SevenOffice misses the VAT of the voucher"),
        msg("Its VAT lines are missing, or not what the VAT code makes (the warning vatisnotinbalance)."),
        msg("Choose the other way for the VAT of vouchers in the settings, or compare the rate of the VAT code."),
    ),
    "vat_rounding": ErrorCode(
        msg("24SevenOffice does not take rounded VAT"),
        msg(
            "The VAT of the invoice is some øre off what the rate makes of its revenue, because its lines or its "
            "currency are rounded, and 24SevenOffice refuses that (the warning vatisnotinbalance)."
        ),
        msg(
            "Post the invoice by hand with the VAT that it shows, and mark it as handled. Tell whoever runs the "
            "integration."
        ),
    ),
    "vat_without_base": ErrorCode(
        msg("24SevenOffice finds VAT without its base"),
        msg("It has VAT without a line that this is the VAT of (the warning vatismissingfoundation)."),
        msg("See that each VAT code in 24SevenOffice has the account of its own VAT, then try again."),
    ),
    "vat_differs": ErrorCode(
        msg("The ledger has the VAT of the voucher otherwise"),
        msg(
            "The first voucher with each VAT code is read back from the ledger. This one has its revenue or its "
            "VAT on other accounts or in other amounts than the invoice, so that nothing more is posted."
        ),
        msg(
            "Correct the voucher in 24SevenOffice, choose the other way for the VAT of vouchers in the settings, "
            "and resume the connection. Then try the invoice again. Or mark it as handled, if the voucher is to "
            "stay as it is: it is not looked at again, and the next voucher is the first to be read back."
        ),
    ),
    "invoice_exists": ErrorCode(
        msg("24SevenOffice has the invoice number already"),
        msg("The customer has one with it (invoicealreadyexists), and the ledger shows none that is this one."),
        msg("Look for the number in the customer's ledger. If it is there, mark it as handled, else post it."),
    ),
    "bank_account": ErrorCode(
        msg("24SevenOffice has another bank account on the customer"),
        msg("The voucher has another one than the customer (the warning customermismatchbankaccount)."),
        msg("Correct the bank account of the customer in 24SevenOffice, then try again."),
    ),
    "sign": ErrorCode(
        msg("The amount is on the wrong side"),
        msg("A credit note must be below zero in Moment, and an invoice not, or they are booked the wrong way."),
        msg("Credit it in Moment and make it anew, or post it by hand and mark it as handled."),
    ),
    "kid": ErrorCode(
        msg("The KID is too long"),
        msg("A KID has 25 digits at most. One that is cut would lead the customer's payment astray."),
        msg("Credit the invoice in Moment and make it anew, or post it by hand and mark it as handled."),
    ),
    "due_date": ErrorCode(
        msg("The due date is before the invoice date"),
        msg("The customer would be reminded of an invoice before it was written."),
        msg("Credit the invoice in Moment and make it anew, or post it by hand and mark it as handled."),
    ),
    "fiscal_year": ErrorCode(
        msg("The fiscal year is not open"),
        msg("It is locked or not set up for the invoice's date, or two fiscal years begin in one calendar year."),
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
    "broken_off": ErrorCode(
        msg("The database was away for a while"),
        msg("The database of the integration went away while this record was being synced."),
        msg("Nothing. It is tried again by itself, and the other system is looked at first."),
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
