import pytest

from tests.sandbox.twentyfour.soap_client import SoapClient, entry, voucher

REFERENCE = "<InvoiceReferenceNo>17</InvoiceReferenceNo>"


@pytest.fixture
def seeded(demo: SoapClient) -> SoapClient:
    """A ledger with customers 10001 and 10002 and project 1."""
    demo.save_company()
    demo.save_company()
    demo.control("POST", "/books/1/projects", {"number": 1, "name": "Nybygg"}, expect=201)
    return demo


def next_number(soap: SoapClient, *, series: int = 1, year: int = 2026) -> str:
    inner = (
        f"<argEntryId><Date>{year}-06-01T00:00:00</Date><SortNo>{series}</SortNo><EntryNo>0</EntryNo></argEntryId>"
    )
    return soap.call("GetEntryId", inner)["EntryNo"]


def numbers(soap: SoapClient) -> list[int]:
    return [one["number"] for one in soap.records("vouchers")]


def with_reference(number: int, *, customer: int = 10001, sort: int = 11) -> str:
    lines = (entry(1500, "125.00", REFERENCE, customer=customer), entry(3000, "-125.00", customer=customer))
    return voucher(number, *lines, sort=sort)


def test_a_voucher_is_kept_as_it_was_sent(seeded: SoapClient) -> None:
    debit = entry(
        1500,
        "125.00",
        f"<ProjectId>1</ProjectId>{REFERENCE}<InvoiceOcr>0000173</InvoiceOcr><Comment>Faktura 17</Comment>",
        due="2026-03-31T00:00:00",
    )
    credit = entry(3100, "-125.00", "<ProjectId>1</ProjectId><TaxNo>5</TaxNo>")
    assert seeded.save_vouchers(voucher(17, debit, credit))["Type"] == "Ok"
    [kept] = seeded.records("vouchers")
    assert (kept["number"], kept["year"], kept["type"], kept["posted"]) == (17, 2026, "Utgående faktura", True)
    common = {
        "date": "2026-03-17",
        "customer": 10001,
        "project": 1,
        "department": None,
        "stamp": None,
        "hidden": False,
        "currency": "NOK",
    }
    told_apart = {"id", "registered"}
    assert [{name: value for name, value in line.items() if name not in told_apart} for line in kept["lines"]] == [
        common
        | {
            "account": 1500,
            "amount": "125.00",
            "due": "2026-03-31",
            "invoice": "17",
            "ocr": "0000173",
            "tax": "",
            "comment": "Faktura 17",
        },
        common
        | {"account": 3100, "amount": "-125.00", "due": None, "invoice": "", "ocr": "", "tax": "5", "comment": ""},
    ]


def test_a_date_with_a_time_zone_is_the_date_in_oslo(seeded: SoapClient) -> None:
    late = "2026-03-16T23:30:00Z"
    lines = entry(1500, "1.00", at=late), entry(3000, "-1.00", at=late)
    seeded.save_vouchers(voucher(1, *lines))
    assert {line["date"] for line in seeded.records("vouchers")[0]["lines"]} == {"2026-03-17"}


@pytest.mark.parametrize(
    ("bank_account", "is_warned_of"), [("", False), ("15030000001", False), ("15030000002", True)]
)
def test_a_bank_account_not_the_customers_gives_a_warning_unless_ignored(
    demo: SoapClient, bank_account: str, *, is_warned_of: bool
) -> None:
    demo.save_company("<Name>Kunde AS</Name><Type>Business</Type><BankAccountNo>15030000001</BankAccountNo>")
    bank_account_field = f"<BankAccountNo>{bank_account}</BankAccountNo>"
    lines = entry(1500, "125.00", bank_account_field), entry(3100, "-125.00", "<TaxNo>5</TaxNo>")
    answer = demo.save_vouchers(voucher(1, *lines))
    assert answer["Type"] == ("Exception" if is_warned_of else "Ok")
    assert not is_warned_of or "(customermismatchbankaccount)" in answer["Description"]
    ignoring = "<IgnoreWarnings><string>customermismatchbankaccount</string></IgnoreWarnings>"
    again = demo.save_vouchers(voucher(2, *lines), options=f"<SaveOption>0</SaveOption>{ignoring}")
    assert again["Type"] == "Ok"


def test_one_refused_voucher_rejects_the_whole_call(seeded: SoapClient) -> None:
    kind, description = seeded.refusal(voucher(1), voucher(2, entry(9999, "1.00"), entry(3000, "-1.00")))
    assert (kind, description) == ("Exception", "Bilag 2: konto 9999 finnes ikke i kontoplanen.")
    assert seeded.records("vouchers") == []


@pytest.mark.parametrize(
    ("lines", "kind", "description"),
    [
        (
            [entry(1500, "125.00"), entry(3000, "-124.99")],
            "NotSaved",
            "Bilag 1 er ikke i balanse, differansen er 0.01.",
        ),
        (
            [entry(1500, "125.00", customer=77777), entry(3000, "-125.00")],
            "Exception",
            "Bilag 1: kunde 77777 finnes ikke.",
        ),
        (
            [entry(1500, "125.00", customer=0), entry(3000, "-125.00", customer=0)],
            "Exception",
            "Bilag 1: konto 1500 er en reskontrokonto og krever kunde eller leverandør.",
        ),
        (
            [entry(1500, "125.00", "<ProjectId>9</ProjectId>"), entry(3000, "-125.00")],
            "Exception",
            "Bilag 1: prosjekt 9 finnes ikke.",
        ),
        (
            [entry(1500, "125.00", "<DepartmentId>9</DepartmentId>"), entry(3000, "-125.00")],
            "Exception",
            "Bilag 1: avdeling 9 finnes ikke.",
        ),
        (
            [entry(1500, "125.00"), entry(3000, "-125.00", "<TaxNo>99</TaxNo>")],
            "Exception",
            "Bilag 1: mva-kode 99 finnes ikke.",
        ),
        (
            [entry(1500, "125.00"), entry(3000, "-125.00", "<TaxNo>1</TaxNo>")],
            "Exception",
            "Bilag 1: mva-kode 1 (Inngående mva, 25 %) kan ikke brukes på konto 3000.",
        ),
        (
            [entry(1500, "125.00", "<TaxNo>3</TaxNo>"), entry(3000, "-125.00")],
            "Exception",
            "Bilag 1: mva-kode 3 (Utgående mva, 25 %) kan ikke brukes på konto 1500.",
        ),
        (
            [entry(1500, "125.001"), entry(3000, "-125.001")],
            "Exception",
            "Bilag 1: beløpet 125.001 har mer enn to desimaler.",
        ),
        (
            [entry(1500, f"{'9' * 28}.00"), entry(3000, "-125.00")],
            "NotSaved",
            f"Bilag 1 er ikke i balanse, differansen er {'9' * 25}874.00.",
        ),
        (
            [entry(1500, "125.00", at="2025-12-31T00:00:00"), entry(3000, "-125.00")],
            "Exception",
            "Bilag 1: datoen 2025-12-31 er ikke i regnskapsåret 2026.",
        ),
    ],
)
def test_an_invalid_voucher_is_refused(seeded: SoapClient, lines: list[str], kind: str, description: str) -> None:
    assert seeded.refusal(voucher(1, *lines)) == (kind, description)
    assert seeded.records("vouchers") == []


def test_an_empty_voucher_and_an_empty_call_are_refused(seeded: SoapClient) -> None:
    empty = "<Voucher><TransactionNo>1</TransactionNo><Sort>11</Sort></Voucher>"
    assert seeded.refusal(empty) == ("NotSaved", "Bilag 1 har ingen linjer.")
    assert seeded.refusal() == ("NotSaved", "Ingen bilag å lagre.")


def test_a_locked_and_a_missing_fiscal_year_are_refused(seeded: SoapClient) -> None:
    assert seeded.refusal(voucher(1), year=2024) == ("Exception", "Regnskapsåret 2024 er låst.")
    assert seeded.refusal(voucher(1), year=2028) == ("Exception", "Regnskapsåret 2028 er ikke opprettet.")
    seeded.control("PUT", "/books/1/years/2026", {"locked": True})
    assert seeded.refusal(voucher(1)) == ("Exception", "Regnskapsåret 2026 er låst.")
    seeded.control("PUT", "/books/1/years/2026", {"locked": False})
    assert seeded.save_vouchers(voucher(1))["Type"] == "Ok"


def test_a_voucher_type_is_known_only_by_its_number_for_vouchers(seeded: SoapClient) -> None:
    for sort in (0, 1, 101):
        assert seeded.refusal(voucher(1, sort=sort)) == ("Exception", f"Bilagsart {sort} finnes ikke.")


def test_a_number_is_used_once_in_a_series_and_a_fiscal_year(seeded: SoapClient) -> None:
    seeded.save_vouchers(voucher(1))
    twice = "Bilag 1 finnes allerede i nummerserien Utgående faktura for 2026."
    assert seeded.refusal(voucher(1)) == ("DataAlreadySaved", twice)
    assert seeded.refusal(voucher(1, sort=12)) == ("DataAlreadySaved", twice)
    assert seeded.refusal(voucher(2), voucher(2))[0] == "DataAlreadySaved"
    last_year = [entry(1500, "5.00", at="2025-03-17T00:00:00"), entry(3000, "-5.00", at="2025-03-17T00:00:00")]
    assert seeded.save_vouchers(voucher(1, *last_year), year=2025)["Type"] == "Ok"
    assert numbers(seeded) == [1, 1]


def test_a_number_before_the_start_of_its_series_is_refused_but_a_gap_is_not(seeded: SoapClient) -> None:
    seeded.control("PUT", "/books/1/series/1", {"start": 5001})
    assert seeded.refusal(voucher(17)) == (
        "Exception",
        "Bilag 17 er utenfor nummerserien Utgående faktura, som starter på 5001.",
    )
    seeded.save_vouchers(voucher(5005), voucher(5002))
    assert numbers(seeded) == [5005, 5002]


def test_the_next_number_follows_the_last_used_in_its_series_and_year(seeded: SoapClient) -> None:
    assert next_number(seeded) == "1"
    seeded.save_vouchers(voucher(17))
    assert next_number(seeded) == "18"
    assert next_number(seeded, year=2025) == "1"
    assert next_number(seeded, series=3) == "40001"


def test_there_is_no_next_number_without_a_series_or_a_fiscal_year(seeded: SoapClient) -> None:
    assert next_number(seeded, series=11) == "-1"
    assert next_number(seeded, year=2031) == "-100"


def test_a_customers_repeated_invoice_number_is_a_blocking_warning(seeded: SoapClient) -> None:
    seeded.save_vouchers(with_reference(1))
    known = "Faktura 17 finnes allerede på kunde 10001 (invoicealreadyexists)."
    assert seeded.refusal(with_reference(2)) == ("DuplicateData", known)
    assert (
        seeded.refusal(with_reference(2, customer=10002), with_reference(3, customer=10002))[0] == "DuplicateData"
    )
    assert seeded.save_vouchers(with_reference(2, customer=10002))["Type"] == "Ok"
    ignoring = "<SaveOption>0</SaveOption><IgnoreWarnings><string>invoicealreadyexists</string></IgnoreWarnings>"
    assert seeded.save_vouchers(with_reference(3), options=ignoring)["Type"] == "Ok"


def test_without_a_save_option_a_voucher_waits_in_a_journal_until_it_is_posted(seeded: SoapClient) -> None:
    seeded.save_vouchers(voucher(1), options="")
    assert [one["posted"] for one in seeded.records("vouchers")] == [False]
    seeded.control("POST", "/books/1/vouchers/1/post")
    assert [one["posted"] for one in seeded.records("vouchers")] == [True]
    seeded.control("POST", "/books/1/vouchers/1/post", expect=422)


def test_a_difference_is_allowed_only_in_a_journal_and_prevents_posting(seeded: SoapClient) -> None:
    lopsided = voucher(1, entry(1500, "125.00"))
    allow = "<AllowDifference>true</AllowDifference><SaveOption>{}</SaveOption>"
    assert seeded.refusal(lopsided, options=allow.format(0))[0] == "NotSaved"
    assert seeded.save_vouchers(lopsided, options=allow.format(1))["Type"] == "Ok"
    assert "ikke i balanse" in seeded.control("POST", "/books/1/vouchers/1/post", expect=422)["detail"]


def test_a_default_customer_or_direct_ledger_replaces_a_missing_customer(seeded: SoapClient) -> None:
    nobody = [entry(1500, "1.00", customer=0), entry(3000, "-1.00", customer=0)]
    default = "<SaveOption>0</SaveOption><DefaultCustomerId>10002</DefaultCustomerId>"
    direct = "<DirectLedger>true</DirectLedger><SaveOption>0</SaveOption>"
    assert seeded.save_vouchers(voucher(1, *nobody), options=default)["Type"] == "Ok"
    assert seeded.save_vouchers(voucher(2, *nobody), options=direct)["Type"] == "Ok"
    assert [one["lines"][0]["customer"] for one in seeded.records("vouchers")] == [10002, None]


def test_the_bundle_may_name_the_type_for_its_vouchers(seeded: SoapClient) -> None:
    bundle = f"<Bundle><YearId>2026</YearId><Vouchers>{voucher(1, sort=0)}</Vouchers><Sort>12</Sort></Bundle>"
    seeded.call(
        "SaveBundleList", f"<BundleList><Bundles>{bundle}</Bundles><SaveOption>0</SaveOption></BundleList>"
    )
    assert [one["type"] for one in seeded.records("vouchers")] == ["Utgående kreditnota"]


def test_the_lists_of_the_account_service_are_consistent(demo: SoapClient) -> None:
    accounts = {one["AccountNo"]: one for one in demo.call("GetAccountList").all("AccountData")}
    codes = {one["TaxNo"]: one for one in demo.call("GetTaxCodeList").all("TaxCodeElement")}
    types = {one["Title"]: one for one in demo.call("GetTypeList").all("TypeData")}
    assert {number: accounts[number]["TaxNo"] for number in ("3000", "3020", "3100")} == {
        "3000": "3",
        "3020": "31",
        "3100": "5",
    }
    assert accounts["3000"]["AccountTax"] == codes["3"]["TaxId"]
    assert [codes[code]["TaxRate"] for code in ("3", "31", "5")] == ["25", "15", "0"]
    assert codes["3"]["AccountNo"] == "2701"
    assert types["Utgående faktura"]["EntrySeriesId"] == str(demo.records("series")[0]["id"])


TAX_3 = "<TaxNo>3</TaxNo>"
NET = entry(1500, "125.00"), entry(3000, "-100.00", TAX_3), entry(2701, "-25.00", TAX_3)
IN_A_JOURNAL = "<SaveOption>1</SaveOption>"


def held(soap: SoapClient) -> list[tuple[int, str, str]]:
    [kept] = soap.records("vouchers")
    return [(line["account"], line["amount"], line["tax"]) for line in kept["lines"]]


@pytest.mark.parametrize(
    ("lines", "warning"),
    [
        ([entry(1500, "125.00"), entry(3000, "-125.00", TAX_3)], "vatisnotinbalance"),
        ([*NET[:1], entry(3000, "-101.00", TAX_3), entry(2701, "-24.00", TAX_3)], "vatisnotinbalance"),
        ([entry(1500, "25.00"), entry(2701, "-25.00", TAX_3)], "vatismissingfoundation"),
        ([entry(1500, "125.00"), entry(3000, "-100.00"), entry(2701, "-25.00")], "vatismissingfoundation"),
    ],
)
def test_vat_without_its_lines_or_base_gives_a_warning_unless_ignored(
    seeded: SoapClient, lines: list[str], warning: str
) -> None:
    kind, description = seeded.refusal(voucher(1, *lines))
    assert (kind, f"({warning})" in description) == ("Exception", True)
    ignoring = f"<SaveOption>0</SaveOption><IgnoreWarnings><string>{warning}</string></IgnoreWarnings>"
    assert seeded.save_vouchers(voucher(1, *lines), options=ignoring)["Type"] == "Ok"


def test_vat_on_separate_lines_is_accepted_and_kept(seeded: SoapClient) -> None:
    assert seeded.save_vouchers(voucher(1, *NET))["Type"] == "Ok"
    assert held(seeded) == [(1500, "125.00", ""), (3000, "-100.00", "3"), (2701, "-25.00", "3")]


@pytest.mark.parametrize(
    ("gross", "net", "vat", "is_exact", "kind"),
    [
        ("62.65", "-50.10", "-12.55", False, "Ok"),  # five lines that are each rounded
        ("62.65", "-50.10", "-12.55", True, "Exception"),
        ("62.65", "-50.12", "-12.53", True, "Ok"),
        ("126.00", "-100.00", "-26.00", False, "Ok"),
        ("126.01", "-100.00", "-26.01", False, "Exception"),
        ("12525.00", "-10000.00", "-2525.00", False, "Ok"),
        ("12525.01", "-10000.00", "-2525.01", False, "Exception"),
        ("0.10", "-0.10", "0.00", False, "Exception"),
    ],
)
def test_vat_may_differ_from_its_rate_by_rounding_unless_compared_exactly(
    seeded: SoapClient,
    gross: str,
    net: str,
    vat: str,
    is_exact: bool,  # noqa: FBT001 - a case
    kind: str,
) -> None:
    seeded.control("PUT", "/books/1/vat", {"exact_vat": is_exact})
    lines = [entry(1500, gross), entry(3000, net, TAX_3), entry(2701, vat, TAX_3)]
    sent = voucher(1, *(lines if vat != "0.00" else lines[:2]))
    assert (seeded.save_vouchers(sent) if kind == "Ok" else {"Type": seeded.refusal(sent)[0]})["Type"] == kind


def test_vat_is_split_off_in_a_journal_and_in_clients_configured_to(seeded: SoapClient) -> None:
    gross = entry(1500, "125.00"), entry(3000, "-125.00", TAX_3)
    seeded.save_vouchers(voucher(1, *gross), options=IN_A_JOURNAL)
    assert held(seeded) == [(1500, "125.00", ""), (3000, "-100.00", "3"), (2701, "-25.00", "3")]
    seeded.control("PUT", "/books/1/vat", {"splits_vat": True})
    assert seeded.save_vouchers(voucher(2, *gross))["Type"] == "Ok"
    assert len(seeded.records("vouchers")[1]["lines"]) == 3
