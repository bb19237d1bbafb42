"""Users who have chosen their password, with a second factor or without."""

from datetime import datetime

from pyotp import TOTP

from i18n.catalog import Language
from models.enums import Role, Scope
from models.users import repository as users
from models.users import second_factor
from models.users.repository import Rights, User
from tests.factories import NOW
from tests.web.http_browser import Browser
from worker.container import Container, clock

EMAIL, PASSWORD = "anna@example.com", "correct horse battery"


def add_user(container: Container, role: Role = Role.ADMINISTRATOR, email: str = EMAIL) -> User:
    user = users.add(container.database, email, Rights(role, Scope()), password=PASSWORD, actor="test", now=NOW)
    users.keep_password(container.database, user.id)
    users.set_language(container.database, user.id, Language.ENGLISH)
    return users.get(container.database, user.id)


def set_up_factor(container: Container, user: User, *, now: datetime | None = None) -> str:
    """Give a user a second factor, and return the key of their app."""
    offered = second_factor.offer(container.vault, user)
    key, _ = second_factor.app_key(container.vault, user, offered)
    now = now or clock()
    second_factor.set_up(container.database, container.vault, user, offered, TOTP(key).at(now), now=now)
    return key


def can_sign_in(url: str, email: str, password: str) -> bool:
    """Return whether a user signs in at the web of this URL with a password, not counting a second factor."""
    return Browser(url).sign_in(email, password).status_code == 303


def signed_in_browser(url: str, container: Container, role: Role = Role.ADMINISTRATOR) -> Browser:
    """Add the user EMAIL, and sign them in with their password."""
    add_user(container, role)
    browser = Browser(url)
    browser.sign_in(EMAIL, PASSWORD)
    return browser
