"""The settings of a connection on its page."""

import re
from datetime import timedelta
from typing import Any

import pytest
import requests
from sqlalchemy import select, update

from i18n.formatting import OSLO
from models.admin.operations import Operation, OperationType
from models.connections.settings import MAX_ERROR_EMAILS, ConnectionSettings
from models.enums import EntityType, Lane, Record, Role
from models.inbox import cursors, links, missed_webhooks
from models.inbox.links import Link
from models.inbox.missed_webhooks import ModifiedRecord
from models.schema.tables import AuditRow, ConnectionRow
from tests.factories import NOW
from tests.installation import add_failed_job, messages
from tests.web.conftest import Web
from tests.web.form_filling import error_at, fields_of, fill_in
from worker import tasks
from worker.container import Container, clock
from worker.handlers import polls

OWNERS_DOCUMENT = {
    "username": "regnskap@example.com",
    "password": "typed-password",
    "identity_id": "3d0c54c8-e786-58cf-8fe5-bcfdde9d4a67",
    "customer_details": "always",
    "client_id": "1001-M",
    "client_id_field": "CustomerReference",
    "factoring_id": "10042",
    "receivables_account": "1501",
    "voucher_number": "series",
    "posting": "draft",
    "vat_codes": "3000 = 3\r\n3100=5",
    "accounts": "501 = 3000 / 3\r\n502=3100",
    "check_vat": [],
    "department": "10",
    "voucher_references": [],
    "entity_types": ["customer", "project", "invoice", "expense"],
    "expense_accounts": "4300-4399, 4000,6590",
    "expense_activity": "Utlegg",
    "expense_billable": [],
    "billable_projects": "8, 9",
    "not_billable_projects": "7",
    "expense_from": "2026-01-01",
    "expense_poll_minutes": "60",
    "error_emails": "anna@example.com\r\nper@example.com",
    "weekly_digest": "yes",
    "monthly_reconciliation": "yes",
    "language": "en",
}
"""A bookkeeper's input, as the form sends it."""


class SettingsPage:
    """A connection, with its page opened by an administrator of this one only."""

    def __init__(self, web: Web, container: Container) -> None:
        self.container = container
        self.web = web
        self.number = web.connection.id
        self.overview = f"/connections/{self.number}"
        self.address = f"{self.overview}/settings"
        self.person = web.as_(Role.ADMINISTRATOR, connections=[self.number])

    @property
    def saved(self) -> ConnectionSettings:
        return self.container.connections.get(self.number).settings

    @property
    def tested(self) -> Operation | None:
        return self.container.operations.latest(self.number, OperationType.DIAGNOSTICS)

    def save(self, **entered: Any) -> requests.Response:
        return fill_in(self.person, self.address, **entered)

    def know(self, *accounts: int) -> None:
        """Save a test that found these accounts."""
        errand = self.container.operations.request(
            OperationType.DIAGNOSTICS, self.number, actor="test", now=clock()
        )
        answer = {"findings": [], "clients": [], "accounts": accounts}
        self.container.operations.complete(errand, answer, now=clock())


@pytest.fixture
def settings_page(web: Web, container: Container) -> SettingsPage:
    return SettingsPage(web, container)


def test_polls_that_have_failed_for_hours_show_on_the_page(web: Web, container: Container) -> None:
    person, lane = web.as_(Role.VIEWER), Lane(web.connection.id, EntityType.INVOICE)
    cursors.start(container.database, lane, at=NOW)
    page = f"/connections/{web.connection.id}"
    for ago, shown in ((timedelta(minutes=30), False), (timedelta(hours=4), True)):
        cursors.record_progress(container.database, lane, now=NOW, finished=True)
        cursors.record_failure(
            container.database, lane, problem="Moment sent more than 16 MiB.", counts=True, now=clock() - ago
        )
        text = person.get(page).text
        assert ("Moment sent more than 16 MiB." in text) is shown
        assert ("Changed invoices couldn't be read since" in text) is shown


def test_a_connection_with_unreadable_secrets_is_shown_and_can_be_corrected(
    settings_page: SettingsPage,
) -> None:
    container, person = settings_page.container, settings_page.web.as_(Role.ADMINISTRATOR)
    container.database.execute(update(ConnectionRow).values(secrets="v2:damaged"))
    polls.pause_unreadable(container)
    assert "can't be decrypted" in person.get(settings_page.overview).text
    assert "Demo AS" in person.get("/connections").text
    refused = fill_in(person, settings_page.address, password="demo-password")
    assert refused.status_code == 422
    assert error_at(refused, "moment_api_key") == "This field is required."
    assert person.post(f"{settings_page.overview}/test").status_code == 303
    tasks.run_operation(settings_page.tested.id if settings_page.tested else 0)
    assert "can't be decrypted" in person.get(settings_page.overview).text
    both = {"password": "demo-password", "moment_api_key": "moment-demo-key"}
    assert fill_in(person, settings_page.address, **both).status_code == 303
    assert settings_page.saved.password.get_secret_value() == "demo-password"
    assert container.connections.get(settings_page.number).is_available(clock())


def test_an_unchanged_form_changes_nothing(settings_page: SettingsPage) -> None:
    before = settings_page.saved
    assert settings_page.save().status_code == 303
    assert settings_page.saved == before


def test_a_bookkeeper_enters_the_settings_of_the_owners_document(settings_page: SettingsPage) -> None:
    settings_page.person = settings_page.web.as_(
        Role.ADMINISTRATOR
    )  # of all connections, whose choice is saved at once
    answer = settings_page.save(**OWNERS_DOCUMENT)
    operation = settings_page.tested
    assert operation
    assert answer.headers["Location"] == f"/operations/{operation.id}"
    assert ("run_operation", operation.id) in messages(settings_page.container)
    now = settings_page.saved
    assert now.password.get_secret_value() == "typed-password"
    assert now.moment_api_key.get_secret_value() == "moment-demo-key"
    assert (now.username, now.client_id, now.factoring_id) == ("regnskap@example.com", "1001-M", 10042)
    assert (now.receivables_account, now.voucher_number, now.posting) == (1501, "series", "draft")
    assert now.vat_codes == {3000: "3", 3100: "5"}
    assert now.accounts == {"501": "3000/3", "502": "3100"}
    assert (now.check_vat, now.department, now.voucher_references) == (False, 10, False)
    assert now.customer_details == "always"
    assert now.entity_types == set(EntityType)
    assert now.expense_accounts == "4000, 4300-4399, 6590"
    assert now.expense_billable is False
    assert now.expense_billable_projects == {7: False, 8: True, 9: True}
    assert str(now.expense_from) == "2026-01-01"
    assert now.error_emails == ("anna@example.com", "per@example.com")
    assert (now.weekly_digest, now.language) == (True, "en")
    again = fields_of(settings_page.person.get(settings_page.address), settings_page.address)
    assert again["billable_projects"] == "8, 9"
    assert again["error_emails"] == "anna@example.com\nper@example.com"
    assert settings_page.save().status_code == 303
    assert settings_page.saved == now


@pytest.mark.parametrize(
    ("name", "entered", "message"),
    [
        ("moment_company", "", "This field is required."),
        ("username", "  ", "This field is required."),
        ("username", "anna\x1b", "This contains unreadable characters."),
        ("identity_id", "Demo AS", "Enter a client id like 3d0c54c8-e786-58cf-8fe5-bcfdde9d4a67."),
        ("factoring_id", "ten", "Enter a whole number."),
        ("factoring_id", "0", "Enter 1 or more."),
        ("receivables_account", "", "Enter a whole number."),
        ("receivables_account", "40000", "Enter 32767 or less."),
        ("receivables_account", "9" * 4000, "Enter 32767 or less."),
        ("voucher_number", "other", "Choose an option from the list."),
        ("vat_codes", "3000", "“3000” is not an account and a VAT code. Use the format 3000=3."),
        (
            "accounts",
            "501=kr",
            "“501=kr” is not a Moment account id and a 24SevenOffice account. Use the format 501=3000/3.",
        ),
        ("department", "Oslo", "Enter a whole number."),
        ("entity_types", "offer", "Choose an option from the list."),
        ("entity_types", [], "Choose at least one type of record to sync."),
        ("expense_accounts", "4000, abc", "“abc” is neither an account nor a range like 4300-4399."),
        ("expense_accounts", "4399-4300", "“4399-4300” must be an ascending range within 1–32767."),
        ("billable_projects", "Kulturhuset", "“Kulturhuset” is not a project number."),
        ("expense_activity", "", "This field is required."),
        ("expense_from", "31.01.2026", "Enter a date, e.g. 2026-01-31."),
        ("expense_from", "1999-12-31", "Enter 2000-01-01 or more."),
        ("expense_poll_minutes", "1441", "Enter 1440 or less."),
        ("error_emails", "anna@example.com per", "“per” is not an email address."),
        ("language", "sv", "Choose an option from the list."),
    ],
)
def test_invalid_input_is_shown_at_its_field_and_nothing_is_saved(
    settings_page: SettingsPage,
    name: str,
    entered: str | list[str],
    message: str,
) -> None:
    before = settings_page.saved
    page = settings_page.save(password="typed-password", client_id="kept <b>", **{name: entered})
    assert page.status_code == 422
    assert error_at(page, name) == message
    assert "typed-password" not in page.text
    assert 'value="kept &lt;b&gt;"' in page.text
    assert settings_page.saved == before
    assert settings_page.tested is None


def test_the_number_of_alert_recipients_is_limited(settings_page: SettingsPage) -> None:
    addresses = [f"{number}@example.com" for number in range(MAX_ERROR_EMAILS + 1)]
    refused = settings_page.save(error_emails="\n".join(addresses))
    assert (refused.status_code, error_at(refused, "error_emails")) == (422, "Enter at most 20 addresses.")
    assert settings_page.save(error_emails="\n".join(addresses[1:])).status_code == 303
    assert settings_page.saved.error_emails == tuple(addresses[1:])


def test_contradictory_settings_are_shown_at_the_one_to_correct(settings_page: SettingsPage) -> None:
    page = settings_page.save(client_id="1001-M", client_id_field="DepartmentId")
    assert "only takes whole numbers" in error_at(page, "client_id")
    page = settings_page.save(entity_types=["invoice", "expense"], expense_accounts="")
    assert "no expense accounts are set" in error_at(page, "expense_accounts")
    page = settings_page.save(billable_projects="7", not_billable_projects="7")
    assert error_at(page, "not_billable_projects") == "Project 7 is in both fields."


def test_the_page_counts_the_changes_that_came_without_a_webhook(settings_page: SettingsPage) -> None:
    connection, now = settings_page.web.connection, clock()
    missed_webhooks.record(
        settings_page.container.database,
        Lane(connection.id, EntityType.INVOICE),
        [ModifiedRecord("9", now)],
        now=now,
    )
    add_failed_job(settings_page.container, connection, record_id="9")
    cells = re.findall(
        r'data-label="Without a webhook \(7 days\)">(\d+)<',
        settings_page.person.get(f"{settings_page.overview}/webhooks").text,
    )
    assert cells == ["0", "0", "1"]


def test_secrets_are_on_no_page(settings_page: SettingsPage) -> None:
    page = settings_page.person.get(settings_page.address).text
    assert "Saved. Leave blank to keep the current value." in page
    for secret in ("demo-password", "moment-demo-key"):
        assert secret not in page
    assert "Demo AS" in page
    assert settings_page.saved.password.get_secret_value() == "demo-password"


def test_the_second_of_two_users_who_save_is_warned(settings_page: SettingsPage) -> None:
    seen = fields_of(settings_page.person.get(settings_page.address), settings_page.address)
    fill_in(settings_page.web.as_(Role.ADMINISTRATOR), settings_page.address, client_id="first")
    late = settings_page.person.ask("POST", settings_page.address, data={**seen, "client_id": "second"})
    assert late.status_code == 409
    assert "someone else changed these settings" in late.text
    assert 'value="second"' in late.text
    assert settings_page.saved.client_id == "first"
    again = settings_page.person.ask(
        "POST", settings_page.address, data={**fields_of(late, settings_page.address)}
    )
    assert again.status_code == 409
    assert settings_page.save(client_id="second").status_code == 303
    assert settings_page.saved.client_id == "second"


def test_a_form_without_its_version_saves_nothing(settings_page: SettingsPage) -> None:
    before = settings_page.saved
    assert settings_page.person.post(settings_page.address, client_id="7").status_code == 409
    assert settings_page.saved == before


def test_the_audit_log_records_who_changed_what(settings_page: SettingsPage) -> None:
    settings_page.save(receivables_account="1501", password="typed-password")
    with settings_page.container.database.transaction() as session:
        entries = [(row.actor, str(row.action)) for row in session.scalars(select(AuditRow).order_by(AuditRow.id))]
    changed = [what for actor, what in entries if actor.startswith("administrator-")]
    assert changed == ["Password: changed", "Receivables account: 1500 → 1501"]


def test_a_self_paused_connection_resumes_with_new_settings(settings_page: SettingsPage) -> None:
    settings_page.container.connections.pause(settings_page.number, "The password is wrong.", now=clock())
    settings_page.save(password="better-password")
    assert settings_page.container.connections.get(settings_page.number).is_available(clock())


def test_an_account_missing_in_the_last_test_is_refused(settings_page: SettingsPage) -> None:
    settings_page.know(1500, 3000, 4000, 4350)
    page = settings_page.save(
        receivables_account="1501",
        expense_accounts="4000, 4300-4399, 6590",
        vat_codes="3999=3",
        accounts="501=3998/3",
    )
    assert page.status_code == 422
    assert "These accounts don't exist in 24SevenOffice: 1501." in error_at(page, "receivables_account")
    assert "These accounts don't exist in 24SevenOffice: 6590." in error_at(page, "expense_accounts")
    assert "These accounts don't exist in 24SevenOffice: 3999." in error_at(page, "vat_codes")
    assert "These accounts don't exist in 24SevenOffice: 3998." in error_at(page, "accounts")
    elsewhere = settings_page.save(
        receivables_account="1501", username="other@example.com", password="typed-password"
    )
    assert elsewhere.status_code == 303


def test_accounts_are_not_checked_while_24sevenoffice_is_unavailable(settings_page: SettingsPage) -> None:
    settings_page.know()
    assert settings_page.save(receivables_account="1501").status_code == 303


def test_an_invalid_login_is_not_tried(settings_page: SettingsPage) -> None:
    asked = fill_in(
        settings_page.person,
        settings_page.address,
        to=f"{settings_page.overview}/clients",
        username="",
        client_id="typed",
    )
    assert asked.status_code == 422
    assert error_at(asked, "username") == "This field is required."
    assert 'value="typed"' in asked.text
    assert messages(settings_page.container) == []


def test_the_company_of_a_connection_with_links_cannot_be_changed(web: Web, container: Container) -> None:
    links.save(container.database, web.connection.id, Record(EntityType.CUSTOMER, "7"), Link("10001"), now=clock())
    address = f"/connections/{web.connection.id}/settings"
    answer = fill_in(web.as_(Role.ADMINISTRATOR), address, moment_company="1002")
    assert answer.status_code == 422
    assert "links refer to customers" in error_at(answer, "moment_company")
    assert container.connections.get(web.connection.id).settings.moment_company == "1001"


def test_a_type_switched_on_again_asks_for_its_first_day(web: Web, container: Container) -> None:
    number, administrator = web.connection.id, web.as_(Role.ADMINISTRATOR)
    address, now = f"/connections/{number}/settings", clock()
    types = ["customer", "project", "invoice"]
    container.connections.update(number, {"entity_types": types[:2]}, actor="test", now=now)
    asked = fill_in(administrator, address, entity_types=types)
    today = clock().astimezone(OSLO).date().isoformat()
    assert (asked.status_code, fields_of(asked, address)["invoice_from"]) == (422, today)
    assert "From which date?" in error_at(asked, "invoice_from")
    assert EntityType.INVOICE not in container.connections.get(number).settings.entity_types
    answered = administrator.ask("POST", address, data=fields_of(asked, address))
    assert answered.status_code == 303
    saved = container.connections.get(number).settings
    assert (str(saved.invoice_from), EntityType.INVOICE in saved.entity_types) == (today, True)
