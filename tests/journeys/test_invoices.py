from collections.abc import Callable
from random import Random

from local import demo_company
from local.demo_user import eventually, expect
from models.admin import job_details
from models.enums import EntityType, Outcome, Record
from tests.factories import DOCUMENTED_WEBHOOK
from tests.journeys.firm import LOGIN_OPERATIONS, Firm


def test_the_webhook_on_moments_help_page_leads_to_the_voucher_of_that_invoice(
    new_firm: Callable[..., Firm],
) -> None:
    firm = new_firm(demo_company.MOMENT_COMPANY, webhook_types=())
    firm.control("moment", "POST", f"companies/{firm.company}/invoices/{demo_company.DRAFT}/finalize")
    assert firm.post(DOCUMENTED_WEBHOOK) == 202
    firm.expect_vouchers(firm.moment("invoices"))
    (voucher,) = firm.records("vouchers")
    lines = [(line["account"], line["amount"], line["customer"], line["project"]) for line in voucher["lines"]]
    assert (voucher["number"], voucher["posted"]) == (1, True)
    assert lines == [
        (1500, "15625.00", 10001, 1),
        (3000, "-12500.00", 10001, 1),
        (2701, "-3125.00", 10001, None),
    ]


def test_a_hundred_invoices_sent_three_times_each_in_any_order_are_a_hundred_vouchers(
    new_firm: Callable[..., Firm],
) -> None:
    firm = new_firm(webhook_types=("customers", "projects"))
    project = firm.project()
    invoices = [firm.invoice(project, price=f"{1000 + n}.01") for n in range(100)]
    sent = invoices * 3
    Random(24).shuffle(sent)  # noqa: S311 - an order that can be repeated
    assert {firm.notify(invoice) for invoice in sent} == {202}
    firm.expect_vouchers(invoices)


def test_the_echo_of_a_returned_customer_number_causes_no_call_to_24sevenoffice(firm: Firm) -> None:
    customer = firm.enter("customers", name="Nordlys Arkitekter AS")

    def echoed() -> None:
        deliveries = [
            each for each in firm.control("moment", "GET", "deliveries") if each["url"] == firm.webhook_url
        ]
        result = [(each["body"]["event"], each["status"]) for each in deliveries]
        expect("notifications", result, [("CREATE_NEW", 202), ("UPDATE", 202)])
        expect("pending jobs", firm.pending_jobs(), [])

    eventually(echoed)
    assert [each["customerNumber"] for each in firm.moment("customers")] == ["10001"]
    once = {name: calls for name, calls in firm.calls().items() if name not in LOGIN_OPERATIONS}
    assert once == {"GetCompanySyncList": 1, "SaveCompanies": 1}
    job = job_details.find_by_record(
        firm.container.database, firm.connection.id, Record(EntityType.CUSTOMER, str(customer["id"]))
    )
    assert job
    assert job.outcome is Outcome.UNCHANGED
