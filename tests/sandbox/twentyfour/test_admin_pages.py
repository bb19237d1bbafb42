from tests.sandbox.twentyfour.soap_client import SoapClient, voucher


def test_the_seeded_ledgers_belong_to_three_clients(soap: SoapClient) -> None:
    assert soap.control("GET", "/books")["clients"] == [
        {"id": 1, "name": "Demo AS"},
        {"id": 2, "name": "Fjord Prosjekt AS"},
        {"id": 3, "name": "Gammel AS"},
    ]
    assert {1500, 1920, 2400, 2701, 2711, 3000, 3020, 3100, 4000, 4300, 4500, 6590, 7140} <= {
        account["number"] for account in soap.records("accounts")
    }
    assert [(year["year"], year["locked"]) for year in soap.records("years")] == [
        (2024, True),
        (2025, False),
        (2026, False),
        (2027, False),
    ]
    assert [series["start"] for series in soap.records("series")] == [1, 20001, 40001, 60001, 80001]
    assert (
        soap.records("vouchers")
        == soap.records("customers")
        == soap.records("projects")
        == soap.records("files")
        == []
    )


def test_a_missing_page_is_404(soap: SoapClient) -> None:
    for path in ("/books/9/customers", "/books/1/dreams"):
        soap.control("GET", path, expect=404)
    soap.control("PUT", "/books/1/series/99", {"start": 1}, expect=404)
    soap.control("PATCH", "/logins/nobody@example.com", {"blocked": True}, expect=404)


def test_a_fiscal_year_can_be_set_up(soap: SoapClient) -> None:
    soap.control("PUT", "/books/1/years/2028", {"locked": False})
    assert soap.records("years")[-1] == {
        "year": 2028,
        "starts": "2028-01-01",
        "ends": "2028-12-31",
        "locked": False,
    }


def test_the_page_shows_the_ledger_of_a_client(demo: SoapClient) -> None:
    demo.save_company("<Name>Fisk &amp; Vilt AS</Name><Type>Business</Type>")
    demo.save_vouchers(voucher(4711))
    page = demo.http.get(f"{demo.url}/", timeout=10)
    assert page.headers["Content-Type"] == "text/html; charset=utf-8"
    assert "Fisk &amp; Vilt AS" in page.text
    assert "4711" in page.text
    assert "4711" not in demo.http.get(f"{demo.url}/?client=2", timeout=10).text


def test_a_reset_restores_the_seeded_ledgers(demo: SoapClient) -> None:
    demo.save_company()
    demo.control("PUT", "/books/1/years/2026", {"locked": True})
    demo.control("PATCH", "/logins/demo@example.com", {"password": "new"}, expect=204)
    demo.control("POST", "/reset", expect=204)
    assert demo.records("customers") == []
    assert not demo.records("years")[2]["locked"]
    assert demo.login()
    assert demo.save_company()["Id"] == "10001"
