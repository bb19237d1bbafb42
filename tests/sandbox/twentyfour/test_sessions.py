from datetime import timedelta

import pytest

from tests.sandbox.twentyfour.soap_client import SoapClient, credential


def identities(soap: SoapClient, user: str = "many") -> dict[str, tuple[str, str]]:
    found = soap.call("GetIdentitiesWithCredential", credential(user)).all("Identity")
    return {one["Client/Name"]: (one["Id"], one.text("IsDisabled") or "false") for one in found}


def has_session(soap: SoapClient) -> bool:
    return soap.call("HasSession")["HasSessionResult"] == "true"


def client(soap: SoapClient) -> str:
    return soap.call("GetClientInformation")["Name"]


def test_a_login_gives_a_session_id_that_is_also_the_cookie(soap: SoapClient) -> None:
    session_id = soap.login()
    assert soap.http.cookies["ASP.NET_SessionId"] == session_id
    assert has_session(soap)
    assert client(soap) == "Demo AS"


def test_a_session_is_valid_on_the_paths_of_both_hosts(demo: SoapClient) -> None:
    assert demo.call("GetFiscalYears") is not None
    assert demo.call("GetProjectList") is not None


def test_a_wrong_password_or_user_name_gives_an_empty_session_id(soap: SoapClient) -> None:
    assert soap.login(password="guessed") == ""
    assert soap.login("nobody") == ""
    assert not has_session(soap)


def test_nothing_but_authentication_is_answered_without_a_session(soap: SoapClient) -> None:
    assert soap.fault("GetClientInformation") == "Session is not authenticated"
    assert soap.fault("GetMaxRequestLength") == "Session is not authenticated"


def test_a_made_up_session_is_no_session(soap: SoapClient) -> None:
    soap.http.cookies["ASP.NET_SessionId"] = "made-up"
    assert not has_session(soap)
    assert soap.fault("GetAccountList") == "Session is not authenticated"


def test_the_clients_of_a_login_are_listed_including_disabled_ones(soap: SoapClient) -> None:
    found = identities(soap)
    assert {name: disabled for name, (_, disabled) in found.items()} == {
        "Demo AS": "false",
        "Fjord Prosjekt AS": "false",
        "Gammel AS": "true",
    }
    assert list(identities(soap, "demo")) == ["Demo AS"]


def test_a_wrong_password_lists_no_clients(soap: SoapClient) -> None:
    answer = soap.call("GetIdentitiesWithCredential", credential("many", password="guessed"))
    assert "Identity" not in answer


def test_the_identity_decides_which_clients_ledger_the_session_opens(soap: SoapClient) -> None:
    soap.login("many", identity=identities(soap)["Fjord Prosjekt AS"][0])
    assert client(soap) == "Fjord Prosjekt AS"
    soap.login("many")
    assert client(soap) == "Demo AS"


def test_a_disabled_identity_and_another_users_identity_are_refused(soap: SoapClient) -> None:
    disabled, strangers = identities(soap)["Gammel AS"][0], identities(soap, "demo")["Demo AS"][0]
    assert "IdentityId is blocked" in soap.fault("Login", credential("many", identity=disabled))
    assert "does not belong" in soap.fault("Login", credential("many", identity=strangers))


def test_a_session_ends_when_it_has_been_idle_for_too_long(demo: SoapClient) -> None:
    demo.clock.now += timedelta(minutes=19)
    assert has_session(demo)
    demo.clock.now += timedelta(minutes=21)
    assert not has_session(demo)
    assert demo.fault("GetAccountList") == "Session is not authenticated"


def test_the_idle_time_of_a_session_can_be_set(demo: SoapClient) -> None:
    demo.control("PUT", "/sessions", {"idle": 5})
    demo.clock.now += timedelta(seconds=6)
    assert not has_session(demo)


@pytest.mark.parametrize("end", [("DELETE", "/sessions"), ("POST", "/reset")])
def test_all_sessions_can_be_ended_from_outside(demo: SoapClient, end: tuple[str, str]) -> None:
    demo.control(*end, expect=204)
    assert not has_session(demo)


def test_a_blocked_login_loses_its_session_and_gets_no_new_one(demo: SoapClient) -> None:
    demo.control("PATCH", "/logins/demo@example.com", {"blocked": True}, expect=204)
    assert demo.fault("GetAccountList") == "Client is not authenticated on this identity"
    assert "IdentityId is blocked" in demo.fault("Login", credential())
    demo.control("PATCH", "/logins/demo@example.com", {"blocked": False}, expect=204)
    assert demo.login()


def test_a_changed_password_is_needed_for_the_next_login(demo: SoapClient) -> None:
    demo.control("PATCH", "/logins/demo@example.com", {"password": "new"}, expect=204)
    assert has_session(demo)
    assert demo.login() == ""
    assert demo.login(password="new")


def test_a_user_is_moved_to_a_new_client(soap: SoapClient) -> None:
    user = {"username": "ny@example.com", "password": "ny-password"}
    made = soap.control("PUT", "/books/7", {"name": "Ny AS", **user})
    soap.login("ny", identity=made["identity_id"])
    assert client(soap) == "Ny AS"
    soap.control("PUT", "/logins/ny@example.com/client", {"client": 2}, expect=204)
    assert client(soap) == "Ny AS"
    assert list(identities(soap, "ny")) == ["Fjord Prosjekt AS"]
    assert "does not belong" in soap.fault("Login", credential("ny", identity=made["identity_id"]))
