from tests.factories import DOCUMENTED_WEBHOOK
from tests.sandbox.moment.conftest import CUSTOMER, DRAFT, PROJECT, Moment, Receiver, eventually


def test_a_finalized_invoice_sends_the_documented_webhook_byte_for_byte(
    moment: Moment, receiver: Receiver
) -> None:
    moment.api("PATCH", f"customers/{CUSTOMER}", json={"customerNumber": "10001"})
    receiver.wait_for(1)
    moment.do(f"invoices/{DRAFT}/finalize")
    receiver.wait_for(2)
    assert receiver.bodies[1] == DOCUMENTED_WEBHOOK


def test_new_and_changed_customers_and_projects_are_notified(moment: Moment, receiver: Receiver) -> None:
    customer = moment.make("customers", name="Ås Bygg AS")
    assert receiver.wait_for(1)[-1] == {
        "event": "CREATE_NEW",
        "customer": {"id": customer["id"], "customerNumber": ""},
    }
    moment.api("PATCH", f"customers/{customer['id']}", json={"customerNumber": "10002"})
    assert receiver.wait_for(2)[-1] == {
        "event": "UPDATE",
        "customer": {"id": customer["id"], "customerNumber": "10002"},
    }
    moment.api("PATCH", f"projects/{PROJECT}", json={"name": "Villa Solbakken II"})
    assert receiver.wait_for(3)[-1] == {"event": "UPDATE", "project": {"id": PROJECT, "projectNumber": "1"}}


def test_drafts_and_refused_changes_are_not_notified(moment: Moment, receiver: Receiver) -> None:
    moment.make("invoices", customerId=CUSTOMER)
    moment.api("PATCH", f"customers/{CUSTOMER}", json={"slip": 1})
    moment.do(f"invoices/{DRAFT}/finalize")
    receiver.wait_for(1)
    assert len(moment.control("GET", "deliveries").json()) == 1


def test_a_company_without_webhook_urls_sends_nothing(moment: Moment) -> None:
    moment.make("customers", name="Ås Bygg AS")
    assert moment.control("GET", "deliveries").json() == []


def test_deliveries_show_their_result(moment: Moment, receiver: Receiver) -> None:
    moment.make("customers", name="Ås Bygg AS")
    eventually(lambda: moment.control("GET", "deliveries").json()[0]["state"] == "delivered")
    (delivery,) = moment.control("GET", "deliveries").json()
    assert (delivery["kind"], delivery["status"], delivery["body"]) == ("customers", 202, receiver.events[0])


def test_a_webhook_to_a_dead_url_is_lost(moment: Moment) -> None:
    moment.control("PUT", "webhooks/1001", json={"customers": "http://127.0.0.1:9/nobody"})
    moment.make("customers", name="Ås Bygg AS")
    eventually(lambda: moment.control("GET", "deliveries").json()[0]["state"] == "lost")


def test_webhooks_can_be_duplicated_and_lost(moment: Moment, receiver: Receiver) -> None:
    moment.control("PUT", "deliveries", json={"double": 1})
    moment.make("customers", name="Ås Bygg AS")
    assert len(receiver.wait_for(2)) == 2
    moment.control("PUT", "deliveries", json={"lose": 1})
    moment.make("customers", name="Ås Bygg AS")
    assert [one["state"] for one in moment.control("GET", "deliveries").json()][2:] == ["lost"]


def test_delays_reorder_webhooks(moment: Moment, receiver: Receiver) -> None:
    moment.control("PUT", "deliveries", json={"delay_seconds": [0, 0.5], "seed": 7})
    made = [moment.make("customers", name=f"Customer {number}")["id"] for number in range(10)]
    received = [event["customer"]["id"] for event in receiver.wait_for(10)]
    assert received != made
    assert sorted(received) == made


def test_reset_cancels_pending_webhooks(moment: Moment, receiver: Receiver) -> None:
    moment.control("PUT", "deliveries", json={"delay_seconds": [0.2, 0.2]})
    moment.make("customers", name="Too late AS")
    moment.control("POST", "reset")
    moment.control("PUT", "webhooks/1001", json={"customers": receiver.url})
    moment.control("PUT", "deliveries", json={"delay_seconds": [0.4, 0.4]})
    made = moment.make("customers", name="In time AS")
    assert [event["customer"]["id"] for event in receiver.wait_for(1)] == [made["id"]]
