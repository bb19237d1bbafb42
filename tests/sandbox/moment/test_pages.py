from tests.sandbox.moment.conftest import CUSTOMER, DRAFT, PROJECT, Moment, Receiver

BROWSER = {"Accept": "text/html,application/xhtml+xml"}


def test_the_page_shows_the_records_and_their_webhooks(moment: Moment, receiver: Receiver) -> None:
    made = moment.make("projectExpenses", projectId=PROJECT, supplierName="Byggmakker <Ås>")
    moment.api("POST", f"projectExpenses/{made['id']}/attachments", files={"file": ("a.pdf", b"%PDF")})
    moment.do(f"invoices/{DRAFT}/finalize")
    receiver.wait_for(1)
    page = moment.control("GET", "").text
    for text in ("Demo AS", "Nordlys Arkitekter AS", "15625.00", "Byggmakker &lt;Ås&gt;", "a.pdf", receiver.url):
        assert text in page


def test_the_page_shows_records_that_lost_their_customer(moment: Moment) -> None:
    moment.api("DELETE", f"customers/{CUSTOMER}")
    moment.api("DELETE", f"projects/{PROJECT}")
    assert moment.control("GET", "?company=1001").status_code == 200
    assert moment.control("GET", "?company=1002").status_code == 200
    assert moment.control("GET", "?company=1003").status_code == 404


def test_a_user_creates_and_finalizes_an_invoice_by_hand(moment: Moment) -> None:
    assert (
        moment.control("POST", "companies/1001/customers", data={"name": ""}, headers=BROWSER).status_code == 400
    )
    moment.control("POST", "companies/1001/customers", data={"name": "Ås Bygg AS", "email": ""}, headers=BROWSER)
    customer = moment.read("customers", name="Ås Bygg AS")["content"][0]
    form = {"customerId": customer["id"], "projectId": PROJECT, "unitPrice": "80.00", "financialAccountId": 501}
    answer = moment.control("POST", "companies/1001/invoices", data=form, headers=BROWSER)
    assert answer.history[0].status_code == 303
    invoice = moment.read("invoices", customerId=str(customer["id"]))["content"][0]
    assert f"/companies/1001/invoices/{invoice['id']}/finalize" in answer.text
    moment.control("POST", f"companies/1001/invoices/{invoice['id']}/finalize", headers=BROWSER)
    assert moment.read(f"invoices/{invoice['id']}")["invoiceNumber"] == 1
