import pytest

from models.enums import Role, Scope
from models.users import repository as users
from models.users import sessions
from models.users.repository import Rights, User
from models.users.sessions import SessionDetails
from tests.factories import NOW, settings
from tests.web.conftest import Person, Web
from tests.web.form_filling import fill_in
from tests.web.users import can_sign_in
from worker.container import Container, clock

PASSWORD = "correct horse battery"


@pytest.fixture
def per(container: Container, web: Web) -> User:
    rights = Rights(Role.VIEWER, Scope(frozenset({web.connection.id})))
    return users.add(container.database, "per@example.com", rights, password=PASSWORD, actor="test", now=NOW)


def test_users_are_listed_with_their_rights(administrator: Person, per: User) -> None:
    page = administrator.get("/users").text
    assert f'<a href="/users/{per.id}">per@example.com</a>' in page
    for words in ("viewer", "Demo AS", "administrator", "All", "Active"):
        assert f">{words}<" in page


def test_a_user_is_added_and_signs_in(administrator: Person, web: Web, container: Container) -> None:
    response = fill_in(
        administrator,
        "/users/new",
        email="Eva@example.com",
        password=PASSWORD,
        role="operator",
        connections=str(web.connection.id),
    )
    assert response.status_code == 303
    assert "Share the password" in administrator.get(response.headers["Location"]).text
    eva = users.get_by_email(container.database, "eva@example.com")
    assert eva.rights == Rights(Role.OPERATOR, Scope(frozenset({web.connection.id})))
    assert can_sign_in(web.url, "eva@example.com", PASSWORD)
    assert eva.password_is_temporary


@pytest.mark.parametrize(
    ("entered", "words"),
    [
        ({"email": "eva"}, "Enter a valid email address."),
        ({"email": "per@example.com"}, "A user with this email address already exists."),
        ({"password": "short"}, "15 to 200 characters"),
        ({"password": "", "invite": []}, "15 to 200 characters"),
        ({"everywhere": []}, "Choose all connections or at least one"),
    ],
)
def test_invalid_input_is_shown_at_its_field(
    administrator: Person, container: Container, per: User, entered: dict[str, str], words: str
) -> None:
    usual = {"email": "eva@example.com", "password": PASSWORD, "role": "viewer", "everywhere": "yes"}
    page = fill_in(administrator, "/users/new", **{**usual, **entered})
    assert (page.status_code, words in page.text) == (422, True)
    assert f'value="{entered.get("email", "eva@example.com")}"' in page.text
    assert PASSWORD not in page.text
    assert [each.email for each in users.all_users(container.database) if "administrator" not in each.email] == [
        per.email
    ]


def test_the_rights_of_a_user_are_changed(administrator: Person, container: Container, per: User) -> None:
    response = fill_in(administrator, f"/users/{per.id}", role="administrator", everywhere="yes")
    assert response.headers["Location"] == f"/users/{per.id}"
    assert users.get(container.database, per.id).rights == Rights(Role.ADMINISTRATOR, Scope())


def test_a_user_gets_a_new_password(administrator: Person, web: Web, per: User) -> None:
    address = f"/users/{per.id}/password"
    page = fill_in(administrator, f"/users/{per.id}", to=address, password="short")
    assert (page.status_code, "15 to 200 characters" in page.text) == (422, True)
    fill_in(administrator, f"/users/{per.id}", to=address, password="another horse battery")
    assert can_sign_in(web.url, per.email, "another horse battery")
    assert not can_sign_in(web.url, per.email, PASSWORD)


def test_a_user_is_disabled_and_enabled_again(administrator: Person, web: Web, per: User) -> None:
    fill_in(administrator, f"/users/{per.id}", to=f"/users/{per.id}/disable")
    assert not can_sign_in(web.url, per.email, PASSWORD)
    assert "Sign-in disabled" in administrator.get("/users").text
    fill_in(administrator, f"/users/{per.id}", to=f"/users/{per.id}/enable")
    assert can_sign_in(web.url, per.email, PASSWORD)


def test_a_user_is_signed_out_everywhere(administrator: Person, container: Container, per: User, web: Web) -> None:
    details = SessionDetails(device="Firefox, Windows")
    thief = Person(web.url, token=sessions.start(container.database, per.id, now=clock(), details=details))
    users.keep_password(container.database, per.id)
    assert thief.get("/account").status_code == 200
    assert "Firefox, Windows" in administrator.get(f"/users/{per.id}").text
    fill_in(administrator, f"/users/{per.id}", to=f"/users/{per.id}/sign-out")
    assert thief.get("/account").status_code == 303
    assert "Signed the user per@example.com out everywhere" in administrator.get("/audit-log").text


def test_the_last_administrator_stays_an_administrator(administrator: Person, container: Container) -> None:
    (anna,) = users.all_users(container.database)
    for page in (
        fill_in(administrator, f"/users/{anna.id}", role="viewer"),
        fill_in(administrator, f"/users/{anna.id}", to=f"/users/{anna.id}/disable"),
    ):
        assert (
            page.status_code,
            "At least one administrator must have access to all connections" in page.text,
        ) == (422, True)
    assert users.all_users(container.database) == [anna]


def test_an_administrator_of_some_connections_manages_no_users(web: Web, container: Container, per: User) -> None:
    other, _ = container.connections.add(
        "Rival Holding", settings(moment_company="rival-holding"), actor="test", now=NOW
    )
    one = web.as_(Role.ADMINISTRATOR, connections=[web.connection.id, other.id])
    assert 'href="/users"' not in one.get("/account").text
    for path in ("/users", "/users/new", f"/users/{per.id}"):
        assert one.get(path).status_code == 404
    assert one.post("/users/new", email="eva@example.com").status_code == 404
