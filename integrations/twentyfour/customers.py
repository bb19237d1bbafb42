"""Customers as 24SevenOffice words them: the Company service."""

from collections.abc import Sequence
from typing import Any

from i18n.messages import msg
from integrations.twentyfour import error_mapping
from integrations.twentyfour.client import SoapValue
from integrations.twentyfour.session import Session
from sync.errors import OutcomeUnknownError, SyncError
from sync.records import Address, Company, CompanyDraft, CustomerDetails

MAX_NAME_LENGTH = 200
MAX_ORGANIZATION_NUMBER_LENGTH = 20
PROPERTIES = ("Id", "ExternalId", "Name", "OrganizationNumber")
MORE_PROPERTIES = (*PROPERTIES, "Type", "EmailAddresses")


def save(session: Session, drafts: Sequence[CompanyDraft]) -> list[int | SyncError]:
    """Create or overwrite customers in one call (SaveCompanies); each answer is a number or its own refusal."""
    companies = {"Company": [_company(draft) for draft in drafts]}
    answers = session.call("Company", "SaveCompanies", companies=companies) or []
    return [_number_or_error(_answer(answers, draft, place)) for place, draft in enumerate(drafts)]


def find(session: Session, moment_id: str) -> Company | None:
    """Find the customer with this ExternalId (GetCompanies); the oldest, should there be several."""
    found = [company for company in _search(session, ExternalId=moment_id) if company.moment_id == moment_id]
    return min(found, key=lambda company: company.number, default=None)


def read(session: Session, number: int) -> Company | None:
    """Read the customer with this number (GetCompanies)."""
    return next((each for each in _search(session, CompanyId=number) if each.number == number), None)


def detailed(session: Session, numbers: Sequence[int]) -> list[Company]:
    """Read the customers and suppliers with these numbers, with all that they are recognized by (GetCompanies)."""
    return _search(session, MORE_PROPERTIES, CompanyIds={"int": list(numbers)})


def _company(draft: CompanyDraft) -> dict[str, Any]:
    emails = {"Primary": draft.email, "Invoice": draft.invoice_email}
    return {
        "Id": draft.number,
        "ExternalId": draft.moment_id,
        "OrganizationNumber": draft.organization_number[:MAX_ORGANIZATION_NUMBER_LENGTH] or None,
        "Name": draft.name[:MAX_NAME_LENGTH],
        "EmailAddresses": {use: {"Value": address} for use, address in emails.items() if address} or None,
        "Type": "Business" if draft.is_company else "Consumer",
        **(_details(draft.details) if draft.details else {}),
    }


def _details(details: CustomerDetails) -> dict[str, Any]:
    """Put what there is; of several addresses for one use the first."""
    addresses = {each.use.capitalize(): _address(each) for each in reversed(details.addresses)}
    return {
        "Addresses": addresses or None,
        "PhoneNumbers": {"Primary": {"Value": details.phone}} if details.phone else None,
        "Country": details.country or None,
    }


def _address(address: Address) -> dict[str, str | None]:
    return {
        "Street": address.street or None,
        "PostalCode": address.postal_code or None,
        "PostalArea": address.city or None,  # assumption S29
        "Country": address.country or None,
    }


def _answer(answers: Sequence[SoapValue], draft: CompanyDraft, place: int) -> SoapValue:
    """Pick the answer to one draft: the one with its ExternalId, else the one in its place if that names none."""
    for answer in answers:
        if answer.ExternalId == draft.moment_id:
            return answer
    answer = answers[place] if place < len(answers) else None
    return answer if answer is not None and not answer.ExternalId else None


def _number_or_error(answer: SoapValue) -> int | SyncError:
    if answer is not None and (heard := error_mapping.of_exception(answer.APIException)):
        return error_mapping.error_of(heard, saves=True)
    if answer is None or not answer.Id:
        return OutcomeUnknownError(
            msg("24SevenOffice did not tell what became of the customer."), error_code="no_number"
        )
    number: int = answer.Id
    return number


def _search(
    session: Session, properties: Sequence[str] = PROPERTIES, **parameters: str | int | dict[str, list[int]]
) -> list[Company]:
    wanted = {"string": list(properties)}
    answers = session.call("Company", "GetCompanies", searchParams=parameters, returnProperties=wanted) or []
    for answer in answers:
        if heard := error_mapping.of_exception(answer.APIException):
            raise error_mapping.error_of(heard, saves=False)
    return [
        Company(
            number=answer.Id,
            name=answer.Name or "",
            organization_number=answer.OrganizationNumber or "",
            moment_id=answer.ExternalId or "",
            emails=_emails(answer.EmailAddresses),
            supplier=answer.Type == "Supplier",
        )
        for answer in answers
        if answer.Id
    ]


def _emails(addresses: SoapValue) -> tuple[str, ...]:
    """Tell each e-mail address once, whatever it is for."""
    uses = ("Primary", "Invoice", "Work", "Home", "Alternative")
    given = [getattr(addresses, use) for use in uses] if addresses else []
    return tuple(dict.fromkeys(each.Value for each in given if each and each.Value))
