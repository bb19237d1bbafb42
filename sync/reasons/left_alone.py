"""Why a record is rightly left alone; nobody has to do anything, unless they want it otherwise."""

from __future__ import annotations

from language.said import say
from sync.reasons.explained import Explained

LEFT_ALONE = {
    "do_not_transfer": Explained(
        say("Do not transfer"),
        say("Somebody has said that the invoice is not to be transferred to accounting."),
        say("Nothing. If it is to be transferred after all, change its export status in Moment."),
    ),
    "transferred": Explained(
        say("It has been transferred already"),
        say("Moment says of the invoice that it has been transferred, such as by hand or by an earlier system."),
        say("Nothing. If it is not in the ledger, change its export status in Moment."),
    ),
    "not_finalized": Explained(
        say("The invoice is not finalized yet"),
        say("A draft may still change, so only a finalized invoice is posted."),
        say("Nothing. It comes across when it is finalized in Moment."),
    ),
    "gone": Explained(
        say("The record is not in Moment any more"),
        say("It was deleted in Moment, so that there is nothing to transfer any more."),
        say("Nothing. What 24SevenOffice may have of it stays there."),
    ),
    "not_listed": Explained(
        say("The account is not listed for expenses"),
        say("Only costs on the accounts in the settings become expenses in Moment."),
        say("Nothing, or add the account to the settings and import the expenses of the last days once more."),
    ),
    "before_first_day": Explained(
        say("The voucher is dated before the first day"),
        say("Vouchers dated before the day in the settings are left alone, for going live."),
        say("Nothing, or set an earlier day in the settings and import the expenses of those days."),
    ),
    "no_project": Explained(
        say("The cost is on no project"),
        say("An expense in Moment belongs to a project, and the line in 24SevenOffice has none."),
        say("Nothing, if the cost belongs to no project. Else put the line on one in 24SevenOffice."),
    ),
    "unknown_project": Explained(
        say("Moment does not have the project"),
        say("The line is on a project in 24SevenOffice whose number no project in Moment has."),
        say("Nothing, if the project is not Moment's. Else correct its number on the voucher or in Moment."),
    ),
    "no_costs": Explained(
        say("The voucher has no costs"),
        say("It has no line that could become an expense, or it is no longer in the ledger."),
        say("Nothing."),
    ),
    "not_approved": Explained(
        say("The document waits for approval"),
        say("An expense is brought when its document is approved in 24SevenOffice. It is looked at for 90 days."),
        say("Approve the document in 24SevenOffice; the expense then comes by itself."),
    ),
    "removed": Explained(
        say("The expenses were removed"),
        say("The voucher no longer has the costs that were brought, so their expenses were taken out of Moment."),
        say("Nothing."),
    ),
}
