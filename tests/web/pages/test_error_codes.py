"""The pages of error codes: open to everyone, since mails link to them."""

import pytest
import requests

from i18n.catalog import Language
from i18n.messages import translate
from models.enums import Role
from sync.error_codes import ERROR_CODES
from tests.web.conftest import Web


@pytest.mark.parametrize(
    ("language", "cure"),
    [("en", "Open the account in 24SevenOffice"), ("nb", "Opprett kontoen i 24SevenOffice")],
)
def test_a_mail_links_to_the_remedy_in_its_language(web: Web, language: str, cure: str) -> None:
    page = requests.get(f"{web.url}/error-codes/unknown_account?language={language}", timeout=10)
    assert page.status_code == 200
    assert f'<html lang="{language}">' in page.text
    assert cure in page.text


def test_every_error_code_is_listed_with_its_url(web: Web) -> None:
    page = requests.get(f"{web.url}/error-codes?language=nb", timeout=10)
    assert page.status_code == 200
    for error_code, explained in ERROR_CODES.items():
        assert (
            f'<a href="/error-codes/{error_code}">{translate(explained.title, Language.NORWEGIAN)}</a>'
            in page.text
        )


def test_signed_in_users_get_a_link_to_the_records_with_the_error_code(web: Web) -> None:
    link = 'href="/records?error_code=unknown_account"'
    assert link in web.as_(Role.VIEWER).get("/error-codes/unknown_account").text
    assert link not in requests.get(f"{web.url}/error-codes/unknown_account", timeout=10).text


@pytest.mark.parametrize("error_code", ["unknown", "..", "%3Cscript%3E", "unknown_account/"])
def test_an_unknown_error_code_is_not_found(web: Web, error_code: str) -> None:
    response = requests.get(f"{web.url}/error-codes/{error_code}", timeout=10, allow_redirects=False)
    assert "<script>" not in response.text
    assert response.status_code in {303, 307, 404}
