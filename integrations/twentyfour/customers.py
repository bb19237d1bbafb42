"""Customers in 24SevenOffice: the Company service, and an index of all of them.

The index is read whole once, and then only what has changed. Searching for each new customer would take up to
three calls each, and would find an organization number only in its exact spelling. Reading everything takes two
calls for a thousand, and one more for each batch of new customers as long as nothing changes.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Literal

from pydantic import TypeAdapter
from zeep.helpers import serialize_object

from i18n.messages import msg
from integrations.shared_cache import SharedCache
from integrations.twentyfour import error_mapping
from integrations.twentyfour.client import SoapValue
from integrations.twentyfour.instants import instant_of, without_zone
from integrations.twentyfour.session import CachedReader, Session
from sync.errors import AnswerTooLargeError, OutcomeUnknownError, SyncError, UnavailableError
from sync.records import Address, Company, CompanyDraft, CustomerDetails
from sync.rules.normalization import holds_identity_number

MAX_NAME_LENGTH = 200  # of a cached name; 24SevenOffice accepts half as many characters
PROPERTIES = ("Id", "ExternalId", "Name", "OrganizationNumber")
MORE_PROPERTIES = (*PROPERTIES, "Type", "EmailAddresses")
HELD_PROPERTIES = ("Id", "Type", "EmailAddresses", "PhoneNumbers", "Addresses", "Country")

CACHE_SECONDS = 3600
"""When the whole index is read again, since deletions are in no list of changes."""

MAX_PAGES = 500
"""Maximum pages of a thousand customers in a list."""

OVERLAP = timedelta(minutes=10)
"""How far back changes are read again, in case one was saved after a later one."""


def save(session: Session, drafts: Sequence[CompanyDraft]) -> list[int | SyncError]:
    """Create or overwrite customers in one call (SaveCompanies); return a number or an error for each.

    24SevenOffice replaces e-mail addresses, phone numbers and addresses as a whole, and perhaps the whole customer
    (S14). So its other values are read first, which takes a call (GetCompanies), and sent back.
    """
    held = _held(session, [each.number for each in drafts if each.number])
    companies = {"Company": [_company(draft, held.get(draft.number or 0)) for draft in drafts]}
    answers = session.call("Company", "SaveCompanies", companies=companies) or []
    return [_number_or_error(_answer(answers, draft, place)) for place, draft in enumerate(drafts)]


def find(session: Session, moment_id: str) -> Company | None:
    """Return the customer with this ExternalId (GetCompanies); the oldest, if there are several."""
    found = [company for company in _search(session, ExternalId=moment_id) if company.moment_id == moment_id]
    return min(found, key=lambda company: company.number, default=None)


def read(session: Session, number: int) -> Company | None:
    """Return the customer with this number (GetCompanies)."""
    return next((each for each in _search(session, CompanyId=number) if each.number == number), None)


def detailed(session: Session, numbers: Sequence[int]) -> list[Company]:
    """Return the customers and suppliers with these numbers, with everything used for matching (GetCompanies)."""
    return _search(session, MORE_PROPERTIES, CompanyIds={"int": list(numbers)})


def addresses(session: Session, numbers: Sequence[int]) -> dict[int, Address]:
    """Read an address of each of these customers that has one: where post goes, else visitors (GetCompanies)."""
    found = _answers(session, ("Id", "Addresses"), CompanyIds={"int": list(numbers)})
    first = {each.Id: _first_address(each.Addresses) for each in found if each.Id}
    return {number: address for number, address in first.items() if address}


@dataclass(frozen=True, slots=True)
class _CachedCompany:
    """A customer as read, with 24SevenOffice's time of its last change; None if we saved it ourselves."""

    company: Company
    changed: datetime | None


_TYPE = TypeAdapter(_CachedCompany)


class CustomerIndex(CachedReader):
    """One client's customers and suppliers; all workers share what one of them has read."""

    def __init__(self, session: Session, cache: SharedCache) -> None:
        super().__init__(session)
        self._cache = cache

    def companies(self) -> Collection[Company]:
        """Return all of them (GetCompanySyncList, and GetCompanies for new or changed ones)."""
        with self._reading:
            name = self._name()
            held = self._cache.load_members(name, _TYPE)
            if held is None:
                held = self._fresh({})
                self._cache.store_members(name, held, _TYPE, seconds=CACHE_SECONDS)
            else:
                fresh = {number: each for number, each in self._fresh(held).items() if held.get(number) != each}
                held.update(fresh)
                self._cache.update_members(name, fresh, _TYPE)
            return [each.company for each in held.values()]

    def count(self) -> tuple[int, int]:
        """Count the active and inactive ones on the first page, and return its latest instant (S30)."""
        page = self._page({})
        items = page.Items.SyncCompany if page.Items else ()
        if latest := max(filter(None, map(_changed, items)), default=None):
            self._page({"ChangedAfter": without_zone(latest - OVERLAP)})
        in_use = sum(bool(item.Active) for item in items)
        return in_use, len(items) - in_use

    def record_saved(self, drafts: Sequence[CompanyDraft], answers: Sequence[int | SyncError]) -> None:
        """Cache what we saved, so that it is not read again as a change."""
        saved = {
            answer: _CachedCompany(draft.as_company(answer), None)
            for draft, answer in zip(drafts, answers, strict=True)
            if isinstance(answer, int)
        }
        self._cache.update_members(self._name(), saved, _TYPE)

    def drop(self, numbers: Collection[int]) -> None:
        """Remove customers found to be deleted: no list of changes contains them."""
        self._cache.drop_members(self._name(), numbers)

    def forget(self) -> None:
        self._cache.drop_collection(self._name())

    def _name(self) -> str:
        return f"{self._session.client_hash()}:customers"

    def _fresh(self, held: Mapping[int, _CachedCompany]) -> dict[int, _CachedCompany]:
        """Read what is not cached or outdated."""
        latest = max((each.changed for each in held.values() if each.changed), default=None)
        since = {"ChangedAfter": without_zone(latest - OVERLAP)} if latest else {}
        fresh: dict[int, _CachedCompany] = {}
        for page in self._pages(since):
            items = {item.CompanyId: item for item in (page.Items.SyncCompany if page.Items else ())}
            unknown = [number for number, item in items.items() if not _is_current(item, held.get(number))]
            told = {each.number: each for each in detailed(self._session, unknown)} if unknown else {}
            for number, item in items.items():
                company = told.get(number) or (held[number].company if number in held else None)
                if company:
                    fresh[number] = _CachedCompany(replace(company, active=item.Active), _changed(item))
        return fresh

    def _pages(self, since: Mapping[str, datetime]) -> Iterator[SoapValue]:
        """Read page after page: the first is 1, and each says its own number."""
        page = self._page(since)
        if page.TotalPages > MAX_PAGES:
            raise AnswerTooLargeError(
                msg("24SevenOffice claims to have {count} pages of customers.", count=page.TotalPages),
                error_code="too_many_pages",
            )
        yield page
        for number in range(page.CurrentPage + 1, page.CurrentPage + page.TotalPages):
            page = self._page({**since, "Page": number})
            if page.CurrentPage != number:
                raise UnavailableError(
                    msg("24SevenOffice responded with a different page of customers than requested."),
                    error_code="unreadable",
                )
            yield page

    def _page(self, parameters: Mapping[str, datetime | int]) -> SoapValue:
        # Neither only those in use nor only the others (assumption S30).
        wanted = {"Page": 1, "Active": None, **parameters}
        return self._session.call("Company", "GetCompanySyncList", syncSearchParameters=wanted)


def _is_current(item: SoapValue, held: _CachedCompany | None) -> bool:
    """Return whether nothing has to be read: a customer that we saved ourselves is never matched again."""
    if held is None:
        return False
    ours = bool(item.ExternalId) and item.ExternalId == held.company.moment_id
    changed = _changed(item)
    return ours or (changed is not None and changed == held.changed)


def _changed(item: SoapValue) -> datetime | None:
    return instant_of(item.DateChanged) if item.DateChanged else None


def _held(session: Session, numbers: Sequence[int]) -> dict[int, SoapValue]:
    """Return what customers have that may have been entered by hand."""
    found = _answers(session, HELD_PROPERTIES, CompanyIds={"int": numbers}) if numbers else ()
    return {answer.Id: answer for answer in found}


def _with_held(held: SoapValue, name: str, told: Mapping[str, Any]) -> dict[str, Any] | None:
    """Merge what is sent, use by use, into what a customer has."""
    there = serialize_object(getattr(held, name, None), target_cls=dict) or {}
    return {**{use: each for use, each in there.items() if each}, **told} or None


def _company(draft: CompanyDraft, held: SoapValue) -> dict[str, Any]:
    type_ = _type(draft, held)
    main_use = _main_use(type_)
    emails = {main_use: draft.email, "Invoice": draft.invoice_email}
    told = {use: {"Value": address} for use, address in emails.items() if address}
    return {
        "Id": draft.number,
        "ExternalId": draft.moment_id,
        "OrganizationNumber": draft.organization_number or None,
        "Name": draft.name,
        "EmailAddresses": _with_held(held, "EmailAddresses", told),
        "Type": type_,
        **_details(draft.details or CustomerDetails(), held, phone_use=main_use),
    }


def _type(draft: CompanyDraft, held: SoapValue) -> str:
    """Return the type to save: a supplier stays one, and so does a customer whose type Moment does not return."""
    there: str = getattr(held, "Type", None) or "None"
    if there == "Supplier" or (draft.is_company is None and there != "None"):
        return there
    return "Consumer" if draft.is_company is False else "Business"


def _main_use(type_: str) -> str:
    """Return the use under which e-mail and phone are shown: businesses have no “Primary” (assumption S44)."""
    return "Primary" if type_ == "Consumer" else "Work"


def _details(details: CustomerDetails, held: SoapValue, *, phone_use: str) -> dict[str, Any]:
    """Return the details that exist; of several addresses for one use, the first."""
    addresses = {each.use.capitalize(): _address(each) for each in reversed(details.addresses)}
    phones = {phone_use: {"Value": details.phone}} if details.phone else {}
    return {
        "Addresses": _with_held(held, "Addresses", addresses),
        "PhoneNumbers": _with_held(held, "PhoneNumbers", phones),
        "Country": details.country or getattr(held, "Country", None) or None,
    }


def _address(address: Address) -> dict[str, str | None]:
    return {
        "Street": address.street or None,
        "PostalCode": address.postal_code or None,
        "PostalArea": address.city or None,  # assumption S29
        "Country": address.country or None,
    }


def _first_address(there: SoapValue) -> Address | None:
    uses: tuple[Literal["post", "visit", "invoice", "delivery"], ...] = ("post", "visit", "invoice", "delivery")
    for use in uses:
        if told := getattr(there, use.capitalize(), None):
            parts = [(each or "")[:MAX_NAME_LENGTH] for each in (told.Street, told.PostalCode, told.PostalArea)]
            if any(parts):
                street, postal_code, city = parts
                return Address(use, street, postal_code, city, (told.Country or "")[:MAX_NAME_LENGTH])
    return None


def _answer(answers: Sequence[SoapValue], draft: CompanyDraft, place: int) -> SoapValue:
    """Return the response to one draft: the one with its ExternalId, or the one at its place if that has none."""
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
            msg("24SevenOffice didn't report whether the customer was saved."), error_code="no_number"
        )
    number: int = answer.Id
    return number


def _answers(session: Session, properties: Sequence[str], **parameters: object) -> Sequence[SoapValue]:
    wanted = {"string": list(properties)}
    answers = session.call("Company", "GetCompanies", searchParams=parameters, returnProperties=wanted) or []
    for answer in answers:
        if heard := error_mapping.of_exception(answer.APIException):
            raise error_mapping.error_of(heard, saves=False)
    return answers


def _search(session: Session, properties: Sequence[str] = PROPERTIES, **parameters: object) -> list[Company]:
    return [
        Company(
            number=answer.Id,
            name=(answer.Name or "")[:MAX_NAME_LENGTH],
            organization_number=_organization_number(answer.OrganizationNumber or ""),
            moment_id=answer.ExternalId or "",
            emails=tuple(dict.fromkeys(_emails_by_use(answer.EmailAddresses).values())),
            supplier=answer.Type == "Supplier",
            person=answer.Type == "Consumer",
        )
        for answer in _answers(session, properties, **parameters)
        if answer.Id
    ]


def _organization_number(text: str) -> str:
    """Leave out an identity number: it must be neither cached nor shown with a candidate."""
    return "" if holds_identity_number(text) else text


def _emails_by_use(addresses: SoapValue) -> dict[str, str]:
    """Return the e-mail addresses by use."""
    uses = ("Work", "Primary", "Invoice", "Home", "Alternative")
    given = {use: getattr(addresses, use) for use in uses} if addresses else {}
    return {use: each.Value for use, each in given.items() if each and each.Value}
