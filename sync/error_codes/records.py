"""Errors of one record, which a person corrects in the record."""

from i18n.messages import msg
from sync.error_codes.names import ErrorCode

RECORD_ERRORS = {
    "no_name": ErrorCode(
        msg("The name is missing"),
        msg("A customer or project has no name in Moment, and 24SevenOffice requires one."),
        msg("Give it a name in Moment. It then syncs automatically."),
    ),
    "no_amount": ErrorCode(
        msg("A line in the ledger has no amount"),
        msg("24SevenOffice shows a voucher line without an amount, so the voucher can't be assessed."),
        msg("Check the voucher in 24SevenOffice, then retry."),
    ),
    "no_date": ErrorCode(
        msg("A line in the ledger has no date"),
        msg("24SevenOffice shows a voucher line without a date, so it's unclear which voucher it belongs to."),
        msg("Check the voucher in 24SevenOffice, then retry."),
    ),
    "amount": ErrorCode(
        msg("The amount can't be right"),
        msg("An amount is larger than any ledger can hold, or isn't a number. It wasn't used."),
        msg("Correct it where it was entered, in Moment or in 24SevenOffice, then retry."),
    ),
    "customer_number": ErrorCode(
        msg("The customer number can't be used"),
        msg("This connection doesn't sync customers, so an invoice needs the customer number from 24SevenOffice."),
        msg(
            "Enter the customer's 24SevenOffice number in Moment, or turn on syncing of customers in the settings."
        ),
    ),
    "project_number": ErrorCode(
        msg("The project number can't be used"),
        msg("24SevenOffice identifies a project by its number, which must be an available whole number."),
        msg("Give the project in Moment another number, without letters or signs."),
    ),
    "no_customer": ErrorCode(
        msg("The customer is missing"),
        msg("The invoice has no customer in Moment, and a voucher requires one."),
        msg("Add a customer in Moment."),
    ),
    "which_customer": ErrorCode(
        msg("Multiple possible customer matches"),
        msg("24SevenOffice has one or more customers that may be this one, but none for certain."),
        msg("Open the record and choose the matching customer, or create a new one."),
    ),
    "number_kept": ErrorCode(
        msg("Moment keeps another customer number"),
        msg(
            "The customer number from 24SevenOffice was sent to Moment, which accepted it but still has its own "
            "number. It isn't sent repeatedly."
        ),
        msg("Enter the 24SevenOffice number for the customer in Moment. Invoices are booked on it either way."),
    ),
    "project_taken": ErrorCode(
        msg("Another project has this number"),
        msg("24SevenOffice has a project with this number but with another name or customer. It isn't changed."),
        msg("Give the project another number in Moment, or open the record and confirm it is the same project."),
    ),
    "taken": ErrorCode(
        msg("Two records need the same number"),
        msg("The 24SevenOffice record that this one matches already belongs to another record in Moment."),
        msg("Give one of the two another number in Moment, then retry."),
    ),
    "invoice_number": ErrorCode(
        msg("The invoice number can't be used"),
        msg("The invoice is finalized in Moment and has no number, or one that is too high for a voucher."),
        msg("Check the invoice in Moment. Post it manually and mark it as resolved, or ask Moment's support."),
    ),
    "unbalanced": ErrorCode(
        msg("The voucher would not balance"),
        msg(
            "The invoice lines differ from the total by more than half an øre per line, so debit and credit "
            "don't match."
        ),
        msg(
            "Credit the invoice in Moment and create a new one, or post it manually and mark it as resolved. If "
            "its total is rounded to a whole krone, enter the account for rounding in the connection's "
            "settings."
        ),
    ),
    "currency_rate": ErrorCode(
        msg("The exchange rate is missing or wrong"),
        msg(
            "The invoice is in another currency. Moment provides no rate in kroner, 24SevenOffice has none "
            "to compare it with, or one is more than three times the other."
        ),
        msg(
            "Enter the rate of the currency in 24SevenOffice, or credit the invoice in Moment and issue it "
            "again with its rate. Or post it manually and mark it as resolved."
        ),
    ),
    "rate_of_one": ErrorCode(
        msg("The exchange rate is 1"),
        msg(
            "The invoice is in another currency, and its rate is exactly 1 krone, which usually means that no "
            "rate was entered. Its amounts would be booked as if they were kroner."
        ),
        msg(
            "If no rate was entered, credit the invoice in Moment and issue it again with its rate. If it is "
            "right, post it manually and mark it as resolved."
        ),
    ),
    "unknown_account": ErrorCode(
        msg("The account doesn't exist in 24SevenOffice"),
        msg("An account of the invoice's lines, or the receivables account in the settings, isn't there."),
        msg("Open the account in 24SevenOffice or correct it where it is named, then retry."),
    ),
    "vat_rate": ErrorCode(
        msg("The VAT rate differs"),
        msg(
            "A line of the invoice was charged with a VAT rate that the VAT code of its account in "
            "24SevenOffice doesn't have, so the ledger would show other VAT than the invoice."
        ),
        msg(
            "Name the right VAT code for the account in the connection's settings, or in Moment; or correct the "
            "account in 24SevenOffice. Then retry."
        ),
    ),
    "vat_account": ErrorCode(
        msg("The VAT code has no account for its VAT"),
        msg(
            "24SevenOffice has no account for the VAT of this VAT code, and vouchers have their VAT on "
            "separate lines."
        ),
        msg(
            "Set the account of the VAT code in 24SevenOffice, or name another VAT code for the account in the "
            "connection's settings. Then retry."
        ),
    ),
    "vat_not_balanced": ErrorCode(
        msg("24SevenOffice reports missing VAT on the voucher"),
        msg(
            "Its VAT lines are missing or differ from what 24SevenOffice calculates for the VAT code (the warning "
            "vatisnotinbalance)."
        ),
        msg(
            "Choose the other option for Voucher VAT in the connection's settings. If it's already chosen, "
            "compare the VAT code's rate in 24SevenOffice with the invoice's rate. Then retry."
        ),
    ),
    "vat_rounding": ErrorCode(
        msg("24SevenOffice doesn't accept rounded VAT"),
        msg(
            "Because its lines or currency were rounded, the VAT of the invoice differs by a few øre from the "
            "rate times the revenue, and 24SevenOffice rejects that (the warning vatisnotinbalance)."
        ),
        msg(
            "Post the invoice manually with the VAT shown on it, and mark it as resolved. Tell your system "
            "administrator: more invoices may be rejected for it."
        ),
    ),
    "vat_without_base": ErrorCode(
        msg("24SevenOffice reports VAT without a base amount"),
        msg(
            "The voucher has VAT, but no line that the VAT was calculated from (the warning "
            "vatismissingfoundation)."
        ),
        msg(
            "Make sure the account's VAT code has its own VAT account in 24SevenOffice, or choose the other "
            "option for Voucher VAT in the connection's settings. Then retry."
        ),
    ),
    "vat_differs": ErrorCode(
        msg("The ledger has different VAT for the voucher"),
        msg(
            "The first voucher with each VAT code is read back from the ledger. This one has its revenue or its "
            "VAT on other accounts or in other amounts than the invoice, so nothing more is posted."
        ),
        msg(
            "Correct the voucher in 24SevenOffice, choose the other option for Voucher VAT in the settings, and "
            "resume the connection. Then retry the invoice. Or mark it as resolved, if the voucher is to stay "
            "as it is: it isn't checked again, and the next voucher is the first to be read back."
        ),
    ),
    "invoice_exists": ErrorCode(
        msg("24SevenOffice already has the invoice number"),
        msg(
            "The customer already has an invoice with this number (invoicealreadyexists), but the ledger shows "
            "none that matches."
        ),
        msg(
            "Look for the invoice number in the customer ledger in 24SevenOffice. If it's this invoice, mark it "
            "as resolved. Otherwise, post it manually."
        ),
    ),
    "bank_account": ErrorCode(
        msg("24SevenOffice has another bank account on the customer"),
        msg("The voucher has another one than the customer (the warning customermismatchbankaccount)."),
        msg("Correct the bank account of the customer in 24SevenOffice, then retry."),
    ),
    "sign": ErrorCode(
        msg("The amount is on the wrong side"),
        msg("A credit note must be negative in Moment and an invoice must not, or they are booked the wrong way."),
        msg("Credit it in Moment and issue a new one, or post it manually and mark it as resolved."),
    ),
    "kid": ErrorCode(
        msg("The KID is too long"),
        msg("A KID has at most 25 digits. If we cut it, the customer's payment would go astray."),
        msg("Credit the invoice in Moment and issue a new one, or post it manually and mark it as resolved."),
    ),
    "due_date": ErrorCode(
        msg("The due date is before the invoice date"),
        msg("The customer would be reminded of an invoice before it was written."),
        msg("Credit the invoice in Moment and issue a new one, or post it manually and mark it as resolved."),
    ),
    "fiscal_year": ErrorCode(
        msg("The fiscal year isn't open"),
        msg("It is locked or not set up for the invoice's date, or two fiscal years begin in one calendar year."),
        msg("Open the fiscal year in 24SevenOffice and retry, or post the invoice manually."),
    ),
    "no_voucher_number": ErrorCode(
        msg("24SevenOffice has no voucher number available"),
        msg("The number series for outgoing invoices isn't set up for the fiscal year of the invoice."),
        msg("Set up the series and the fiscal year in 24SevenOffice, then retry."),
    ),
    "differs": ErrorCode(
        msg("The ledger has another voucher with this invoice number"),
        msg(
            "Its account, amount, date or customer doesn't match the invoice. It is neither changed nor "
            "duplicated."
        ),
        msg("Compare the two. Correct the voucher in 24SevenOffice and retry, or mark the invoice as resolved."),
    ),
    "unseen_draft": ErrorCode(
        msg("The draft may already be in the journal"),
        msg("A call was interrupted, and we can't check whether the draft is in the journal."),
        msg("Look for it in the journal: mark the invoice as resolved if it is there, else retry it."),
    ),
    "set_aside": ErrorCode(
        msg("It was synced before the links were set aside"),
        msg(
            "Before the connection's links were set aside, this invoice was posted or this voucher became an "
            "expense. We can no longer see where."
        ),
        msg(
            "Check whether it belongs to the company the connection uses now. If so, retry it on its own. If "
            "not, mark it as resolved."
        ),
    ),
    "moment_value": ErrorCode(
        msg("A value in Moment can't be read"),
        msg("A field of the record is empty or holds something that doesn't belong there; the message names it."),
        msg(
            "Correct the record in Moment. A finalized invoice must be credited and reissued, or posted manually."
        ),
    ),
    "dependency_gone": ErrorCode(
        msg("The customer or project is no longer in Moment"),
        msg(
            "An invoice needs its customer and project in 24SevenOffice, and a project its customer. That "
            "record was deleted in Moment, or merged with another one, before it was synced."
        ),
        msg(
            "Choose a customer or project that exists in Moment. A finalized invoice must be credited and "
            "reissued, or posted manually and marked as resolved."
        ),
    ),
    "dependency_dismissed": ErrorCode(
        msg("The customer or project was dismissed"),
        msg(
            "An invoice needs its customer and project in 24SevenOffice, and a project its customer. Someone "
            "has dismissed that record, so it isn't synced."
        ),
        msg(
            "Retry the customer or project, and this record follows automatically. Or enter it manually and "
            "dismiss this record too."
        ),
    ),
    "moment_refused": ErrorCode(
        msg("Moment rejected this"),
        msg("Moment rejected what was to be saved. The message quotes the reason."),
        msg("Correct what Moment names, then retry."),
    ),
    "moment_gone": ErrorCode(
        msg("The record is no longer in Moment"),
        msg("It was removed while something was to be saved on it."),
        msg("Mark it as resolved if it was removed on purpose."),
    ),
    "refused": ErrorCode(
        msg("24SevenOffice rejected the record"),
        msg("24SevenOffice doesn't accept the customer or the voucher as it is. The message quotes the reason."),
        msg("Correct what it names, in Moment or in 24SevenOffice, then retry."),
    ),
    "not_understood": ErrorCode(
        msg("24SevenOffice could not read the record"),
        msg("Something in the record, such as an unusual sign or a very long text, wasn't understood."),
        msg("Look for it in Moment and correct it. If nothing looks unusual, ask your system administrator."),
    ),
    "department_required": ErrorCode(
        msg("24SevenOffice requires a department"),
        msg("An account or project is set up so every line needs a department, which Moment doesn't have."),
        msg(
            "Enter the number of a department in the connection's settings, or turn off the requirement in "
            "24SevenOffice for projects and for the accounts of invoices. Then retry."
        ),
    ),
    "project_required": ErrorCode(
        msg("24SevenOffice requires a project"),
        msg("An account is set up so every line needs a project, and the invoice is on none."),
        msg(
            "Put the record on a project in Moment, or turn off the requirement for the account in 24SevenOffice."
        ),
    ),
    "activity": ErrorCode(
        msg("The activity can't take expenses"),
        msg(
            "Expenses go to an activity of the project, which is closed in Moment or can't be created by the "
            "integration."
        ),
        msg("Open or create the activity with the name in the message, or choose another one in the settings."),
    ),
    "invoiced": ErrorCode(
        msg("The expense is already invoiced"),
        msg("The voucher was changed in 24SevenOffice after its expense had been invoiced in Moment."),
        msg("Correct it manually where it was invoiced, then mark it as resolved."),
    ),
    "vat_unclear": ErrorCode(
        msg("The VAT of the voucher doesn't add up"),
        msg(
            "The VAT lines of the supplier's voucher aren't what the rates of its VAT codes make of its costs, "
            "so it's unclear what a cost is with VAT."
        ),
        msg(
            "Correct the VAT of the voucher in 24SevenOffice, and its expenses are imported automatically. If "
            "it is right as it is, enter them in Moment manually and mark this as resolved."
        ),
    ),
    "voucher_gone": ErrorCode(
        msg("The voucher is no longer shown"),
        msg(
            "24SevenOffice has no line of a voucher whose expenses are in Moment, not even a hidden one. The "
            "expenses aren't removed."
        ),
        msg("Look for the voucher. Retry if it is there, else delete its expenses in Moment manually."),
    ),
    "document": ErrorCode(
        msg("A document couldn't be copied"),
        msg("The expense is in Moment, but a document of its voucher is missing. It is retried."),
        msg("No action needed at first. If it keeps failing, attach the document to the expense manually."),
    ),
    "file_broken": ErrorCode(
        msg("A document is corrupt in 24SevenOffice"),
        msg("The downloaded file doesn't match 24SevenOffice's checksum."),
        msg("Open the document in 24SevenOffice. Attach it to the voucher again if it can't be read."),
    ),
    "file_gone": ErrorCode(
        msg("A document is no longer in 24SevenOffice"),
        msg("It was removed from the voucher while it was being copied."),
        msg("Attach it to the voucher again if it is still needed, else mark this as resolved."),
    ),
    "file_too_large": ErrorCode(
        msg("A document is too large"),
        msg("24SevenOffice reports a document on the voucher of more than 100 MiB. It isn't copied."),
        msg(
            "Attach a smaller one to the voucher, or add it to the expense in Moment manually and mark this as "
            "resolved."
        ),
    ),
    "worker_crashes": ErrorCode(
        msg("The integration crashed on this record"),
        msg(
            "The integration crashed several times while processing this record, so it was set aside to protect "
            "the others."
        ),
        msg("Contact your system administrator. Retrying is safe: the other system is checked first."),
    ),
    "broken_off": ErrorCode(
        msg("The database was unavailable"),
        msg("The integration's database became unavailable while this record was being synced."),
        msg("No action needed. It is retried automatically, and the other system is checked first."),
    ),
    "fails_alone": ErrorCode(
        msg("A system doesn't respond for this record"),
        msg("Moment or 24SevenOffice failed repeatedly on this record while accepting others of the same type."),
        msg(
            "Compare the record with others in that system, correct it and retry. If you find nothing, contact "
            "that system's support. The calls are on the record's page."
        ),
    ),
    "crashed": ErrorCode(
        msg("Internal error"),
        msg("Something unexpected happened, even after several attempts."),
        msg("Contact your system administrator. The log has the details. Retrying is safe."),
    ),
}
