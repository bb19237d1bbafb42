"""What holds up one record until a person has corrected it."""

from __future__ import annotations

from language.said import say
from sync.reasons.explained import Explained

RECORDS = {
    "no_name": Explained(
        say("The name is missing"),
        say("A customer or project has no name in Moment, and 24SevenOffice takes none without."),
        say("Give it a name in Moment; it then comes across by itself."),
    ),
    "organization_number": Explained(
        say("The organization number is not valid"),
        say("A Norwegian organization number has nine digits, of which the last one checks the others."),
        say("Correct the number of the customer in Moment, or set the country if the customer is foreign."),
    ),
    "customer_number": Explained(
        say("The customer number cannot be used"),
        say(
            "Customers do not travel on this connection, so an invoice needs the customer number of 24SevenOffice."
        ),
        say("Enter the customer's number from 24SevenOffice in Moment, or let customers travel in the settings."),
    ),
    "project_number": Explained(
        say("The project number cannot be used"),
        say("In 24SevenOffice a project is known by its number, which must be a whole number that is free."),
        say("Give the project in Moment another number, without letters or signs."),
    ),
    "no_customer": Explained(
        say("The customer is missing"),
        say("The invoice names no customer in Moment, and a voucher cannot do without one."),
        say("Give it a customer in Moment."),
    ),
    "which_customer": Explained(
        say("It is not clear which customer this is"),
        say("24SevenOffice has one or more customers that this one may be, but none of them for certain."),
        say("Open the record and choose the customer that it is, or say that it is a new one."),
    ),
    "project_taken": Explained(
        say("Another project has this number"),
        say("24SevenOffice has a project with this number, but of another name or customer. It is left as it is."),
        say("Give the project another number in Moment, or open the record and say that it is the same project."),
    ),
    "taken": Explained(
        say("Two records want the same number"),
        say("What this record would be in 24SevenOffice belongs to another record in Moment already."),
        say("Give one of the two another number in Moment, then try again."),
    ),
    "invoice_number": Explained(
        say("The invoice number is missing"),
        say("The invoice is finalized in Moment but has no number, which its voucher needs."),
        say("Look at the invoice in Moment. Ask Moment's support if it is finalized and still has no number."),
    ),
    "unbalanced": Explained(
        say("The voucher would not balance"),
        say("The lines of the invoice add up to something else than its total, so debit and credit differ."),
        say("Credit the invoice in Moment and make a new one, or post it by hand and mark it as handled."),
    ),
    "nothing_to_post": Explained(
        say("The invoice has no amounts"),
        say("Every line of the invoice is zero, so that there is nothing to post."),
        say("Set the invoice to “do not transfer” in Moment if that is right, else credit it and make a new one."),
    ),
    "currency_rate": Explained(
        say("The rate of the currency is missing"),
        say("The invoice is in another currency, and Moment does not tell its rate in kroner."),
        say(
            "Post the invoice by hand and mark it as handled, or credit it in Moment and make it anew with a rate."
        ),
    ),
    "unknown_account": Explained(
        say("The account does not exist in 24SevenOffice"),
        say("An account of the invoice's lines, or the receivables account in the settings, is not there."),
        say("Open the account in 24SevenOffice or correct it where it is named, then try again."),
    ),
    "vat_rate": Explained(
        say("The VAT code has another rate"),
        say(
            "A line of the invoice was charged with a VAT rate that the VAT code of its account in 24SevenOffice "
            "does not have, so that the ledger would show other VAT than the invoice."
        ),
        say("Name the right VAT code for the account in the settings, or correct the account in 24SevenOffice."),
    ),
    "fiscal_year": Explained(
        say("The fiscal year is not open"),
        say("24SevenOffice has no open fiscal year with the date of the invoice: it is locked or not set up yet."),
        say("Open the fiscal year in 24SevenOffice and try again, or post the invoice by hand."),
    ),
    "no_voucher_number": Explained(
        say("24SevenOffice has no voucher number to give"),
        say("The number series for outgoing invoices is not set up for the fiscal year of the invoice."),
        say("Set up the series and the fiscal year in 24SevenOffice, then try again."),
    ),
    "differs": Explained(
        say("The ledger has another voucher with this invoice number"),
        say(
            "Its account, amount, date or customer is not that of the invoice. It is neither changed nor doubled."
        ),
        say(
            "Compare the two. Correct the voucher in 24SevenOffice and try again, or mark the invoice as handled."
        ),
    ),
    "unseen_draft": Explained(
        say("The draft may be in the journal already"),
        say("A call broke off, and from outside nobody can see whether the draft waits in the journal."),
        say("Look for it in the journal: mark the invoice as handled if it is there, else try it again."),
    ),
    "moment_value": Explained(
        say("A value in Moment cannot be read"),
        say("A field of the record is empty or holds something that does not belong there; the message names it."),
        say(
            "Correct the record in Moment. A finalized invoice must be credited and made anew, or posted by hand."
        ),
    ),
    "dependency_gone": Explained(
        say("The customer or project is no longer in Moment"),
        say(
            "An invoice needs its customer and project in 24SevenOffice, and a project its customer. That one was "
            "deleted in Moment, or merged with another one, before it came across."
        ),
        say(
            "Choose a customer or project that Moment has. A finalized invoice must be credited and made anew, or "
            "posted by hand and marked as handled."
        ),
    ),
    "dependency_dismissed": Explained(
        say("The customer or project was closed by somebody"),
        say(
            "An invoice needs its customer and project in 24SevenOffice, and a project its customer. Somebody has "
            "closed that one, so that it is not transferred."
        ),
        say(
            "Try the customer or project again, and this follows by itself. Or handle it by hand, and close it "
            "too."
        ),
    ),
    "moment_refused": Explained(
        say("Moment refused this"),
        say("Moment answered that it does not take what was to be saved; the message has its own words."),
        say("Correct what Moment names, then try again."),
    ),
    "moment_gone": Explained(
        say("The record is no longer in Moment"),
        say("It was removed while something was to be saved on it."),
        say("Mark it as handled if it was removed on purpose."),
    ),
    "refused": Explained(
        say("24SevenOffice refused the record"),
        say("24SevenOffice does not take the customer or the voucher as it is; the message has its own words."),
        say("Correct what it names, in Moment or in 24SevenOffice, then try again."),
    ),
    "not_understood": Explained(
        say("24SevenOffice could not read the record"),
        say("Something in the record, such as an unusual sign or a very long text, was not understood."),
        say("Look for it in Moment and correct it. If nothing looks unusual, ask whoever runs the bridge."),
    ),
    "department_required": Explained(
        say("24SevenOffice requires a department"),
        say("An account or project is set up so that every line needs a department, which Moment does not have."),
        say(
            "Enter the number of a department in the connection's settings, or let 24SevenOffice do without it "
            "for projects and for the accounts of invoices. Then try again."
        ),
    ),
    "project_required": Explained(
        say("24SevenOffice requires a project"),
        say("An account is set up so that every line needs a project, and the invoice is on none."),
        say("Put the record on a project in Moment, or let 24SevenOffice do without it for the account."),
    ),
    "activity": Explained(
        say("The activity cannot take expenses"),
        say(
            "Expenses go to an activity of the project, which is closed in Moment or cannot be made by the bridge."
        ),
        say("Open or make the activity with the name in the message, or choose another one in the settings."),
    ),
    "invoiced": Explained(
        say("The expense is invoiced already"),
        say("The voucher was changed in 24SevenOffice after its expense had been invoiced in Moment."),
        say("Correct it by hand where it was invoiced, then mark it as handled."),
    ),
    "document": Explained(
        say("A document could not be brought"),
        say("The expense is in Moment, but a document of its voucher did not come along. It is tried again."),
        say("Nothing at first. If it keeps failing, attach the document to the expense by hand."),
    ),
    "file_broken": Explained(
        say("A document is broken in 24SevenOffice"),
        say("What was downloaded is not what 24SevenOffice says that it holds."),
        say("Open the document in 24SevenOffice. Attach it to the voucher anew if it cannot be read."),
    ),
    "file_gone": Explained(
        say("A document is no longer in 24SevenOffice"),
        say("It was taken away from the voucher while it was being brought."),
        say("Attach it to the voucher anew if it is still needed, else mark this as handled."),
    ),
    "poison": Explained(
        say("The bridge broke down over this record"),
        say("The bridge stopped several times with this record in hand, so it was set aside to spare the others."),
        say("Tell whoever runs the bridge. Trying again does no harm: the other system is looked at first."),
    ),
    "crashed": Explained(
        say("The bridge itself failed"),
        say("Something happened that the bridge does not know, tried several times."),
        say("Tell whoever runs the bridge; the log says more. Trying again does no harm."),
    ),
}
