from tests.journeys.firm import API_KEY, Firm
from worker.handlers.mails import PAUSE_BETWEEN_EMAILS


def test_a_wrong_password_pauses_with_one_mail_and_syncing_resumes_once_corrected(firm: Firm) -> None:
    project = firm.project()
    firm.expect_vouchers([first := firm.invoice(project)])
    firm.control("twentyfour", "PATCH", f"logins/{firm.username}", {"password": "a-new-one"})
    firm.control("twentyfour", "DELETE", "sessions")
    invoices = [first, *(firm.invoice(project) for _ in range(5))]
    (mail,) = firm.expect_mails(1)
    assert "password" in mail["text"]
    assert firm.vouchers() == [(1, "1250.00")]

    firm.stack.command("connections", "set", firm.name, "--password=a-new-one")
    firm.expect_vouchers(invoices)
    firm.skip_time(PAUSE_BETWEEN_EMAILS)
    firm.beat("send_alerts")
    assert "recovered" in firm.expect_mails(2)[1]["text"]


def test_a_refused_invoice_delays_no_other_and_a_mail_says_when_it_is_corrected(firm: Firm) -> None:
    locked = next(year["year"] for year in firm.records("years") if year["locked"])
    project = firm.project()
    good = [firm.invoice(project) for _ in range(2)]
    bad = firm.invoice(project, invoiceDate=f"{locked}-06-30")
    good += [firm.invoice(project) for _ in range(2)]
    firm.expect_vouchers(good)
    firm.beat("send_alerts")
    assert f"Invoice {bad['invoiceNumber']}" in firm.expect_mails(1)[0]["text"]

    firm.control("twentyfour", "PUT", f"books/{firm.client}/years/{locked}", {"locked": False})
    firm.stack.command("jobs", "retry", "--connection", firm.name)
    firm.expect_vouchers([*good, bad])
    firm.skip_time(PAUSE_BETWEEN_EMAILS)
    firm.beat("send_alerts")
    assert f"Invoice {bad['invoiceNumber']}" in firm.expect_mails(2)[1]["text"]


def test_a_withdrawn_api_key_and_a_new_webhook_url_lose_nothing(firm: Firm) -> None:
    project = firm.project()
    firm.expect_vouchers([first := firm.invoice(project)])
    firm.poll()
    access = {"name": firm.name, "api_key": "a-new-key"}
    stack, path = firm.stack, f"companies/{firm.company}"
    draft = firm.draft(project)
    firm.control("moment", "PUT", path, access)
    withdrawn = firm.finalize(draft)
    firm.expect_mails(1)
    stack.command("connections", "set", firm.name, "--moment-api-key=a-new-key")
    firm.expect_vouchers([first, withdrawn])
    firm.control("moment", "PUT", path, {**access, "api_key": API_KEY})
    stack.command("connections", "set", firm.name, f"--moment-api-key={API_KEY}")

    stack.command("connections", "webhook-url", firm.name)
    untold = firm.invoice(project)
    assert firm.notify(untold) == 404
    firm.poll()
    firm.expect_vouchers([first, withdrawn, untold])
