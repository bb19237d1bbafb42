"""Moment's records as ours: valid values are read, invalid ones rejected by record, field and value."""

from collections.abc import Callable
from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from i18n.messages import msg
from integrations.moment import invoices
from integrations.moment.customers_and_projects import customer_of, project_of
from integrations.moment.fields import Fields
from sync.errors import RejectedError
from sync.records import Address, Customer, ExportStatus, Invoice, InvoiceLine, Project

CUSTOMER: dict[str, object] = {
    "id": 62788973,
    "name": "Nordlys Arkitekter AS",
    "customerNumber": "10001",
    "organizationNumber": "310987654",
    "email": "post@nordlys.example.com",
    "invoiceEmail": "invoice@nordlys.example.com",
    "phone": "77 00 00 00",
    "addresses": [{"type": "postal", "street": "Storgata 1"}],
    "countryCode": "NO",
    "customerType": "company",
    "lastModifiedDate": "2026-03-01T10:00:00Z",
}
PROJECT: dict[str, object] = {
    "id": 62788980,
    "name": "Villa Solbakken",
    "projectNumber": "1",
    "projectState": "inProgress",
    "customerId": 62788973,
    "startDate": "2026-01-31",
    "endDate": None,
}
INVOICE: dict[str, object] = {
    "id": 106939080,
    "invoiceNumber": 1024,
    "invoiceType": "invoice",
    "invoiceState": "finalized",
    "exportState": "toTransfer",
    "invoiceDate": "2026-03-01",
    "dueDate": "2026-03-15",
    "kid": "10240001",
    "currencyCode": "NOK",
    "currencyRate": 1,
    "customerId": 62788973,
    "projectId": 62788980,
    "totalAmountInclVat": Decimal("15625.0"),
    "invoiceLines": [
        {
            "description": "Detail design",
            "amountInclVat": Decimal("15625.00"),
            "vatPercentage": 25,
            "financialAccountId": 501,
        },
        {"description": "Thank you", "amountInclVat": 0, "financialAccountId": None},
    ],
}
NO_REMEDY = msg("Nothing.")
ACCOUNTS = {
    "501": Fields({"accountNumber": 3000, "externalTaxCode": "3"}, NO_REMEDY, record=501),
    "502": Fields({"accountNumber": "3020"}, NO_REMEDY, record=502),
    "509": Fields({"accountNumber": None}, NO_REMEDY, record=509, part=msg("financial account")),
}

NUMBERS = {"106939070": 1020}


def invoice(**changes: object) -> Invoice:
    return invoices.translate({**INVOICE, **changes}, account=ACCOUNTS.get, number=NUMBERS.get)


def line(**changes: object) -> list[object]:
    return [{"amountInclVat": Decimal("15625.00"), "financialAccountId": 501, **changes}]


def test_a_customer_is_read() -> None:
    assert customer_of(CUSTOMER) == Customer(
        id="62788973",
        name="Nordlys Arkitekter AS",
        number="10001",
        organization_number="310987654",
        email="post@nordlys.example.com",
        invoice_email="invoice@nordlys.example.com",
        is_company=True,
        country="NO",
        phone="77 00 00 00",
        addresses=(Address(street="Storgata 1"),),
    )


def test_a_customer_needs_only_a_name() -> None:
    kari = Customer(id="7", name="Kari", is_company=None)
    assert customer_of({"id": 7, "name": "Kari"}) == kari


@pytest.mark.parametrize(
    ("word", "is_company"), [("person", False), ("company", True), ("choir", True), (None, None), ("", None)]
)
def test_a_customer_is_a_company_unless_it_is_a_person(word: str | None, is_company: bool | None) -> None:  # noqa: FBT001 - a row of a table
    assert customer_of({**CUSTOMER, "customerType": word}).is_company is is_company


@pytest.mark.parametrize("name", ["Nordlys\r\nAS", "Nordlys \x00AS", "  Nordlys \t AS ", "Nordlys \ud800AS"])
def test_a_name_becomes_one_line_that_every_system_can_hold(name: str) -> None:
    assert customer_of({**CUSTOMER, "name": name}).name == "Nordlys AS"


def test_letters_of_every_language_stay_as_they_are() -> None:
    assert customer_of({**CUSTOMER, "name": "Šárka Ærø 株式会社 🚀"}).name == "Šárka Ærø 株式会社 🚀"


@pytest.mark.parametrize("name", [None, "", "   ", "\x00"])
def test_a_customer_without_a_name_is_refused(name: str | None) -> None:
    with pytest.raises(RejectedError, match=r"^The name is missing \(Moment record 62788973\)\.$") as refusal:
        customer_of({**CUSTOMER, "name": name})
    assert refusal.value.remedy == "Correct the customer in Moment. It then syncs automatically."


def test_a_project_is_read() -> None:
    assert project_of(PROJECT) == Project(
        id="62788980", name="Villa Solbakken", number="1", customer_id="62788973", starts=date(2026, 1, 31)
    )


@pytest.mark.parametrize(
    "day", ["2026-02-30", "31.01.2026", "20260131", "2026-W05-6", "2026-01-31T00:00:00", 20260131]
)
def test_an_invalid_day_is_refused_by_field_and_value(day: object) -> None:
    with pytest.raises(
        RejectedError,
        match=rf"^The start date is “{day}” instead of a date in the format year-month-day \(Moment record 62788980\)\.$",
    ):
        project_of({**PROJECT, "startDate": day})


def test_an_invoice_is_read_without_its_lines_of_text() -> None:
    assert invoice() == Invoice(
        id="106939080",
        number=1024,
        day=date(2026, 3, 1),
        due=date(2026, 3, 15),
        total=Decimal("15625.00"),
        lines=(
            InvoiceLine(amount=Decimal("15625.00"), account=3000, tax_code="3", account_id="501", vat=Decimal(25)),
        ),
        customer_id="62788973",
        project_id="62788980",
        kid="10240001",
        rate=Decimal(1),
    )


def test_a_line_may_have_its_own_project_and_an_account_without_tax_code() -> None:
    read = invoice(invoiceLines=line(projectId=7, financialAccountId=502))
    assert read.lines == (
        InvoiceLine(amount=Decimal("15625.00"), account=3020, tax_code="", project_id="7", account_id="502"),
    )


def test_a_credit_note_keeps_its_negative_amounts() -> None:
    read = invoice(
        invoiceType="creditNote", totalAmountInclVat=-125, invoiceLines=line(amountInclVat=Decimal("-125.00"))
    )
    assert (read.credit_note, read.total, read.lines[0].amount) == (True, Decimal(-125), Decimal(-125))


@pytest.mark.parametrize(("credited", "number"), [(106939070, 1020), (106939071, None), (None, None)])
def test_a_credit_note_has_the_number_of_its_invoice_if_that_exists(
    credited: int | None, number: int | None
) -> None:
    assert invoice(creditedInvoiceId=credited).credited == number


def test_the_customers_reference_and_the_description_are_one_line_each() -> None:
    read = invoice(description="Detail\r\ndesign", yourReference=" Kari ")
    assert (read.description, read.your_reference) == ("Detail design", "Kari")


def test_a_foreign_currency_comes_with_its_rate() -> None:
    read = invoice(currencyCode="EUR", currencyRate=Decimal("11.734512"))
    assert (read.currency, read.rate) == ("EUR", Decimal("11.734512"))


@pytest.mark.parametrize(
    ("word", "transfer"),
    [
        ("toTransfer", ExportStatus.TO_TRANSFER),
        (None, ExportStatus.TO_TRANSFER),
        ("transferred", ExportStatus.TRANSFERRED),
        ("doNotTransfer", ExportStatus.DO_NOT_TRANSFER),
    ],
)
def test_the_export_status_says_whether_an_invoice_is_transferred(
    word: str | None, transfer: ExportStatus
) -> None:
    assert invoice(exportState=word).export_status is transfer


@pytest.mark.parametrize("field", ["exportState", "invoiceType"])
def test_an_unknown_value_needs_attention(field: str) -> None:
    with pytest.raises(RejectedError, match=r"is “perhaps” instead of one of"):
        invoice(**{field: "perhaps"})


@pytest.mark.parametrize(
    ("field", "missing"),
    [("exportState", "export status"), ("currencyCode", "currency"), ("invoiceState", "invoice status")],
)
def test_missing_required_values_of_an_invoice_are_not_invented(field: str, missing: str) -> None:
    values = {name: value for name, value in INVOICE.items() if name != field}
    with pytest.raises(RejectedError) as refusal:
        invoices.translate(values, account=ACCOUNTS.get, number=NUMBERS.get)
    assert refusal.value.message == f"The {missing} is missing (Moment record 106939080)."
    listed = invoices.translate_listed(values, account=ACCOUNTS.get)
    assert listed.unreadable == refusal.value.message


@pytest.mark.parametrize(("rate", "is_read"), [(1, True), (None, True), (Decimal("11.4523"), False)])
def test_an_invoice_without_a_currency_is_in_kroner_unless_it_has_a_rate(
    rate: object,
    is_read: bool,  # noqa: FBT001 - a case
) -> None:
    for code in (None, "", " "):
        if is_read:
            assert invoice(currencyCode=code, currencyRate=rate).currency == "NOK"
            continue
        with pytest.raises(RejectedError, match=r"^The currency is missing \(Moment record 106939080\)\.$"):
            invoice(currencyCode=code, currencyRate=rate)


@pytest.mark.parametrize("state", ["draft", "sent", "", None])
def test_an_invoice_in_any_other_state_is_not_finalized(state: str | None) -> None:
    assert not invoice(invoiceState=state).finalized


def test_a_kid_is_sent_without_the_spaces_between_its_groups() -> None:
    assert invoice(kid=" 1234 5678\u00a090 ").kid == "1234567890"
    assert invoice(kid="1234-5678").kid == "1234-5678"


def test_nothing_in_a_draft_is_refused() -> None:
    draft = {"id": 7, "invoiceState": "draft", "invoiceDate": None, "invoiceLines": [{}]}
    read = invoices.translate(draft, account=ACCOUNTS.get, number=NUMBERS.get)
    assert (read.id, read.number, read.lines, read.finalized) == ("7", None, (), False)


def test_an_invoice_excluded_from_the_transfer_is_never_refused() -> None:
    read = invoice(exportState="doNotTransfer", invoiceDate="soon", invoiceLines=line(financialAccountId=999))
    assert (read.number, read.export_status) == (1024, ExportStatus.DO_NOT_TRANSFER)


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"invoiceNumber": None}, "The invoice number is missing"),
        ({"invoiceNumber": "A1"}, "The invoice number is “A1” instead of a whole number above zero"),
        ({"invoiceNumber": 0}, "The invoice number is “0” instead of a whole number above zero"),
        ({"invoiceDate": None}, "The invoice date is missing"),
        ({"customerId": None}, "The customer is missing"),
        ({"customerId": "../7"}, "The customer is “../7” instead of the id of a record"),
        ({"totalAmountInclVat": None}, "The total amount incl. VAT is missing"),
        (
            {"totalAmountInclVat": "15625"},
            "The total amount incl. VAT is “15625” instead of a number within the usual range",
        ),
        (
            {"totalAmountInclVat": True},
            "The total amount incl. VAT is “True” instead of a number within the usual range",
        ),
        ({"totalAmountInclVat": Decimal("1E+999999")}, "instead of a number within the usual range"),
        ({"totalAmountInclVat": Decimal("0.001")}, "is “0.001” instead of an amount with at most two decimals"),
        ({"invoiceLines": "none"}, "The invoice lines is “none” instead of a list"),
        ({"invoiceLines": line(amountInclVat=None)}, "The amount incl. VAT is missing (invoice line 1, "),
        ({"invoiceLines": line(financialAccountId=None)}, "The financial account is missing (invoice line 1, "),
        (
            {"invoiceLines": line(financialAccountId=999)},
            "Financial account 999 doesn't exist in Moment (invoice line 1, Moment record 106939080).",
        ),
        (
            {"invoiceLines": line(financialAccountId=509)},
            "The account number is missing (financial account, Moment record 509).",
        ),
    ],
)
def test_an_invoice_is_refused_with_what_is_wrong(changes: dict[str, object], problem: str) -> None:
    with pytest.raises(RejectedError) as refusal:
        invoice(**changes)
    assert problem in refusal.value.message


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.decimals(allow_nan=False, allow_infinity=False)
    | st.text()
    | st.sampled_from(["2026-03-01", "0000-00-00", "creditNote", "draft", Decimal("1E+999999999"), 10**4000]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)
translators: list[tuple[dict[str, object], Callable[[dict[str, object]], object]]] = [
    (CUSTOMER, customer_of),
    (PROJECT, project_of),
    (INVOICE, lambda values: invoices.translate(values, account=ACCOUNTS.get, number=NUMBERS.get)),
    (INVOICE, lambda values: invoice(invoiceLines=[values])),
]


@given(st.data(), st.sampled_from(translators))
def test_a_record_of_any_values_is_read_or_refused(
    data: st.DataObject, translator: tuple[dict[str, object], Callable[[dict[str, object]], object]]
) -> None:
    good, translate = translator
    changes = data.draw(st.dictionaries(st.sampled_from(list(good)), json_values))
    try:
        translate({**good, **changes})
    except RejectedError as refusal:
        message = refusal.message
    else:
        message = ""
    assert len(message) < 400


@pytest.mark.parametrize("code", ["nok", "NOK", ""])
def test_kroner_are_kroner_however_they_are_written(code: str) -> None:
    assert invoice(currencyCode=code).currency == "NOK"


@pytest.mark.parametrize(
    ("told", "net"),
    [(Decimal("1000.00"), "1000.00"), (1000, "1000"), (Decimal("999.999"), None), ("1000", None), (None, None)],
)
def test_the_net_amount_of_a_line_is_read_if_it_is_exact_to_the_ore(told: object, net: str | None) -> None:
    (line,) = invoice(
        invoiceLines=[{"amountInclVat": 1250, "financialAccountId": 501, "amountExclVat": told}]
    ).lines
    assert line.net == (Decimal(net) if net else None)


def test_a_refused_invoice_carries_its_readable_values() -> None:
    with pytest.raises(RejectedError) as refused:
        invoice(invoiceLines=line(financialAccountId=999), dueDate="soon")
    read = refused.value.invoice
    assert read
    whole = invoice()
    assert (read.number, read.day, read.total) == (whole.number, whole.day, whole.total)
    assert (read.customer_id, read.currency, read.due, read.lines) == (whole.customer_id, whole.currency, None, ())


def test_an_excluded_invoice_carries_its_date_and_total() -> None:
    read, whole = invoice(exportState="doNotTransfer"), invoice()
    assert (read.day, read.total, read.due) == (whole.day, whole.total, whole.due)
