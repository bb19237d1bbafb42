"""Drills about the surroundings: both systems, their logins and limits, mails, webhooks, the ledger."""

import time
from datetime import date

from local import demo_company
from local.demo import SALES, write_invoice
from local.demo_user import DemoUser, expect
from local.stack import NotRunningError
from tests.drill.demo_system import DemoSystem, Outcome, until

AWAY_SECONDS = 5
OUTGOING_INVOICE = 11
"""The number of the voucher type with which a person enters an invoice."""

WEBHOOKS = ("customers", "projects", "invoices")


def remote(demo: DemoSystem) -> Outcome:
    """Let 24SevenOffice respond with 503 to everything for some seconds while invoices arrive."""
    before = demo.invoices
    demo.add_fault("twentyfour", kind="error_503", lasts=AWAY_SECONDS)
    demo.write()
    demo.expect_posted(before)
    time.sleep(AWAY_SECONDS)
    return Outcome(seconds=demo.until_well(), asserted="everything waits, and continues by itself")


def credentials(demo: DemoSystem) -> Outcome:
    """Work with a password that 24SevenOffice refuses, and enter the right one."""
    before = demo.invoices
    demo.stack.command("connections", "set", demo_company.NAME, "--password=not-this-one", "--no-check")
    demo.write(2)
    until("paused", lambda: ",paused," in demo.stack.command("connections", "list", "--output=csv"))
    demo.expect_posted(before)
    demo.stack.command("connections", "set", demo_company.NAME, f"--password={PASSWORD}")
    return Outcome(seconds=demo.until_well(), asserted="the connection pauses, says why, and resumes by itself")


PASSWORD = demo_company.SECRETS["CONNECTION_PASSWORD"]


def budget(demo: DemoSystem) -> Outcome:
    """Let 24SevenOffice respond with 429 to everything for some seconds while invoices arrive."""
    demo.add_fault("twentyfour", kind="too_many", lasts=AWAY_SECONDS, seconds=1)
    demo.write()
    time.sleep(AWAY_SECONDS)
    return Outcome(seconds=demo.until_well(), asserted="no invoice counts as failed")


def mail(demo: DemoSystem) -> Outcome:
    """Let the mail server refuse three mails while an invoice of a locked year needs attention."""
    locked = next(year for year in demo.user.twentyfour("years") if year["locked"])
    demo.add_fault("mail", kind="refuse", times=3)
    project, day = demo.user.moment("projects")[0], f"{locked['year']}-06-30"
    invoice_id = write_invoice(demo.user, SALES[0], project, invoiceDate=day)
    title = f"Invoice {demo.user.press('finalize', invoice_id)['invoiceNumber']}"
    began = time.monotonic()
    until("the mail is there", lambda: bool(_mails_about(demo, title)))
    seconds = time.monotonic() - began
    time.sleep(AWAY_SECONDS)
    expect("mails about it", len(_mails_about(demo, title)), 1)
    return Outcome(seconds=seconds, asserted="the mail waits, and arrives once")


def webhooks(demo: DemoSystem) -> Outcome:
    """Let Moment send webhooks to a wrong address, and give the webhook a new one."""
    wrong = f"{demo.stack.environment['PUBLIC_URL']}/webhooks/moment/not-this-one"
    demo.control("moment", "PUT", f"webhooks/{demo_company.MOMENT_COMPANY}", dict.fromkeys(WEBHOOKS, wrong))
    demo.write()
    by_poll = demo.until_well()
    address = demo.stack.command("connections", "webhook-url", demo_company.NAME).split()[-1]
    demo.user = DemoUser(demo.stack, webhook_url=demo_company.connect(demo.stack, address=address))
    demo.write(1)
    return Outcome(seconds=demo.until_well(), asserted=f"the poll finds them meanwhile, after {by_poll:.1f} s")


def doubled(demo: DemoSystem) -> Outcome:
    """Enter a second voucher for an invoice manually, and reconcile."""
    voucher = demo.user.synced("vouchers")[-1]
    invoice = voucher["lines"][0]["invoice"]
    lines = [
        {name: line[name] for name in ("account", "amount", "customer", "project", "tax")}
        for line in voucher["lines"]
    ]
    day = date.today().isoformat()  # noqa: DTZ011 - the sandbox's day is the machine's
    entered = {"date": day, "due": day, "invoice": invoice, "posted": True, "lines": lines}
    second = demo.user.book("vouchers", type=OUTGOING_INVOICE, **entered)
    began = time.monotonic()
    try:
        report = demo.stack.command("reconcile", demo_company.NAME, f"--month={day[:7]}")
    except NotRunningError as ended:  # with status 1, as there is a discrepancy
        report = str(ended)
    seconds = time.monotonic() - began
    expect("invoice named", invoice in report, expected=True)
    expect("more than once", "More than once in the ledger" in report, expected=True)
    demo.until_well()
    return Outcome(
        seconds=seconds, asserted=f"the reconciliation names invoice {invoice} and voucher {second['number']}"
    )


def _mails_about(demo: DemoSystem, title: str) -> list[str]:
    return [mail["subject"] for mail in demo.user.mails() if title in mail["text"]]
