"""Why a record was left alone, which is no error."""

from i18n.messages import msg
from sync.error_codes.error_code import ErrorCode

SKIPPED = {
    "nothing_to_post": ErrorCode(
        msg("There is nothing to post"),
        msg("What is charged and what is taken off come to nothing on each account, or every line is zero."),
        msg("Nothing."),
    ),
    "do_not_transfer": ErrorCode(
        msg("Skip permanently"),
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
