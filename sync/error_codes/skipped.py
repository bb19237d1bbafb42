"""Codes of records that are skipped, which is not an error."""

from i18n.messages import msg
from sync.error_codes.names import ErrorCode

SKIPPED = {
    "nothing_to_post": ErrorCode(
        msg("There is nothing to post"),
        msg("What is charged and what is taken off come to nothing on each account, or every line is zero."),
        msg("No action needed."),
    ),
    "do_not_transfer": ErrorCode(
        msg("Excluded in Moment"),
        msg("The invoice is set to “do not transfer” to accounting."),
        msg("No action needed. To sync it after all, change its export status in Moment."),
    ),
    "transferred": ErrorCode(
        msg("Already transferred"),
        msg("The invoice is marked as transferred in Moment, for example manually or by a previous system."),
        msg("No action needed. If it isn't in the ledger, change its export status in Moment."),
    ),
    "not_finalized": ErrorCode(
        msg("The invoice isn't finalized yet"),
        msg("A draft may still change, so only a finalized invoice is posted."),
        msg("No action needed. It syncs when it is finalized in Moment."),
    ),
    "gone": ErrorCode(
        msg("The record is no longer in Moment"),
        msg("It was deleted in Moment, so there is nothing left to sync."),
        msg("No action needed. Anything 24SevenOffice has of it stays there."),
    ),
    "not_listed": ErrorCode(
        msg("The account isn't listed for expenses"),
        msg("Only costs on the accounts in the settings become expenses in Moment."),
        msg(
            "No action needed, or add the account in the settings and import the expenses of the last few days "
            "again."
        ),
    ),
    "before_first_day": ErrorCode(
        msg("Dated before the start date"),
        msg(
            "Invoices and vouchers dated before the start date in the settings are skipped: the connection went "
            "live on that date, or their type was off until then."
        ),
        msg(
            "No action needed, or set an earlier start date in the settings. Then retry the invoice, or import "
            "the expenses of those days."
        ),
    ),
    "no_project": ErrorCode(
        msg("The cost has no project"),
        msg("An expense in Moment belongs to a project, and the line in 24SevenOffice has none."),
        msg(
            "No action needed if the cost belongs to no project. Otherwise, set a project on the line in "
            "24SevenOffice."
        ),
    ),
    "unknown_project": ErrorCode(
        msg("The project doesn't exist in Moment"),
        msg("The line is on a project in 24SevenOffice whose number no project in Moment has."),
        msg(
            "No action needed if the project isn't Moment's. Else correct its number on the voucher or in Moment."
        ),
    ),
    "no_costs": ErrorCode(
        msg("The voucher has no costs"),
        msg("It has no line that could become an expense, or it is no longer in the ledger."),
        msg("No action needed."),
    ),
    "not_approved": ErrorCode(
        msg("The document is awaiting approval"),
        msg("An expense is imported once its document is approved in 24SevenOffice. We check for 90 days."),
        msg("Approve the document in 24SevenOffice. The expense is then imported automatically."),
    ),
    "kept": ErrorCode(
        msg("The expenses stay, although they'd be excluded now"),
        msg(
            "The ledger still has the costs, but the settings or the projects in Moment would exclude them now. "
            "What was imported earlier is neither changed nor removed."
        ),
        msg("No action needed, or delete them in Moment if they don't belong there."),
    ),
    "removed": ErrorCode(
        msg("The expenses were removed"),
        msg("The voucher no longer has the imported costs, so their expenses were removed from Moment."),
        msg("No action needed."),
    ),
}
