"""Data that one worker has read from 24SevenOffice and that the other workers of the connection reuse."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from pydantic import SecretStr
from redis import Redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from integrations.shared_cache import SharedCache
from integrations.twentyfour.gateway import TwentyFourGateway
from integrations.twentyfour.session import SessionStore
from models.connections.vault import Vault
from sync.errors import MisconfiguredError
from sync.records import SetupPart
from tests import factories
from tests.contracts.stage_twentyfour import (
    DEMO_IDENTITY,
    KEY,
    NORDLYS,
    VOUCHER,
    TwentyFourSandbox,
    soap_client,
    with_records,
)

READ_BY = {
    SetupPart.CHART: "GetAccountList",
    SetupPart.VAT_CODES: "GetTaxCodeList",
    SetupPart.FISCAL_YEARS: "GetFiscalYears",
    SetupPart.VOUCHER_TYPE: "GetTypeList",
    SetupPart.CURRENCIES: "GetCurrencyList",
}


def read_all(erp: TwentyFourGateway) -> None:
    """Read each part of the setup, as an invoice needs them."""
    erp.tax_codes()
    erp.vat_codes()
    erp.fiscal_years()
    erp.currency_rates()
    erp.next_voucher_number(VOUCHER.day)


def reads(twentyfour_sandbox: TwentyFourSandbox) -> dict[str, int]:
    return {operation: twentyfour_sandbox.calls().get(operation, 0) for operation in READ_BY.values()}


def test_data_that_one_worker_has_read_is_not_read_by_another(twentyfour_sandbox: TwentyFourSandbox) -> None:
    first, *others = (twentyfour_sandbox.gateway() for _ in range(3))
    read_all(first)
    for erp in others:
        read_all(erp)
        assert erp.tax_codes() == first.tax_codes()
        assert erp.vat_codes() == first.vat_codes()
        assert list(erp.fiscal_years()) == list(first.fiscal_years())
    assert reads(twentyfour_sandbox) == dict.fromkeys(READ_BY.values(), 1)
    assert twentyfour_sandbox.calls()["Login"] == 1


@pytest.mark.parametrize("part", SetupPart)
def test_only_a_dropped_part_is_read_again(twentyfour_sandbox: TwentyFourSandbox, part: SetupPart) -> None:
    first = twentyfour_sandbox.gateway()
    read_all(first)
    twentyfour_sandbox.gateway().all_companies()
    twentyfour_sandbox.gateway().forget(part)
    for _ in range(2):
        read_all(twentyfour_sandbox.gateway())
    twentyfour_sandbox.gateway().all_companies()
    assert reads(twentyfour_sandbox) == dict.fromkeys(READ_BY.values(), 1) | {READ_BY[part]: 2}


@pytest.mark.parametrize("changed", ["login", "identity"])
def test_cached_data_of_a_former_client_is_not_used(twentyfour_sandbox: TwentyFourSandbox, changed: str) -> None:
    many = {"username": "many@example.com", "password": "many-password"}
    clients = {each.client: each.id for each in twentyfour_sandbox.gateway(identity_id="", **many).identities()}
    twentyfour_sandbox.gateway(identity_id=clients["Demo AS"], **many).save_companies([NORDLYS])
    before = twentyfour_sandbox.gateway(identity_id=clients["Demo AS"], **many)
    read_all(before)
    assert len(before.all_companies()) == 1
    if changed == "login":
        after = twentyfour_sandbox.gateway()
        assert len(after.all_companies()) == 1
    else:
        after = twentyfour_sandbox.gateway(identity_id=clients["Fjord Prosjekt AS"], **many)
        assert len(after.all_companies()) == 0
    read_all(after)
    assert reads(twentyfour_sandbox) == dict.fromkeys(READ_BY.values(), 2)


def test_a_wrong_password_is_refused_though_data_is_cached(twentyfour_sandbox: TwentyFourSandbox) -> None:
    read_all(twentyfour_sandbox.gateway())
    with pytest.raises(MisconfiguredError):
        twentyfour_sandbox.gateway(password="wrong").tax_codes()


def test_another_worker_asks_only_for_the_customers_that_have_changed(
    twentyfour_sandbox: TwentyFourSandbox,
) -> None:
    twentyfour_sandbox.gateway().save_companies([replace(NORDLYS, moment_id=str(number)) for number in range(40)])
    assert len(twentyfour_sandbox.gateway().all_companies()) == 40
    before = twentyfour_sandbox.calls()
    twentyfour_sandbox.control("POST", "/books/1/customers", {"name": "Fjord AS"})
    assert len(twentyfour_sandbox.gateway().all_companies()) == 41
    twentyfour_sandbox.gateway().save_companies([replace(NORDLYS, moment_id="new", name="Ny AS")])
    found = {each.number: each.name for each in twentyfour_sandbox.gateway().all_companies()}
    assert (len(found), found[10042]) == (42, "Ny AS")
    calls = twentyfour_sandbox.calls()
    assert {each: calls[each] - before[each] for each in ("GetCompanySyncList", "GetCompanies")} == {
        "GetCompanySyncList": 2,
        "GetCompanies": 1,
    }


def test_only_the_missing_customer_is_removed_for_all_workers(twentyfour_sandbox: TwentyFourSandbox) -> None:
    twentyfour_sandbox.gateway().save_companies([NORDLYS, replace(NORDLYS, moment_id="2")])
    twentyfour_sandbox.gateway().all_companies()
    twentyfour_sandbox.control("POST", "/reset")
    twentyfour_sandbox.gateway().save_companies([NORDLYS])
    assert twentyfour_sandbox.gateway().existing_companies([10001, 10002]) == {10001}
    assert [each.number for each in twentyfour_sandbox.gateway().all_companies()] == [10001]
    assert twentyfour_sandbox.calls()["GetCompanySyncList"] == 1


def test_without_redis_data_is_read_from_24sevenoffice(twentyfour_sandbox: TwentyFourSandbox) -> None:
    away = Redis.from_url("redis://127.0.0.1:1/0", retry=Retry(NoBackoff(), 0))
    vault = Vault([SecretStr(KEY)])
    erp = TwentyFourGateway(
        factories.settings(identity_id=DEMO_IDENTITY),
        application_id="00000000-0000-0000-0000-000000000000",
        client=soap_client(twentyfour_sandbox.url, twentyfour_sandbox.redis),
        store=SessionStore(twentyfour_sandbox.redis, vault, login_seconds=5),
        cache=SharedCache(away, vault).for_connection(1),
    )
    with_records(erp)
    works: list[Callable[[], object]] = [lambda: erp.post([VOUCHER], year=2026), erp.tax_codes, erp.fiscal_years]
    for work in works:
        work()
    assert [each.number for each in erp.all_companies()] == [10001]
    assert erp.existing_companies([10001]) == {10001}
    erp.forget()
    assert erp.tax_codes()[3000] == "3"
