"""Customers in 24SevenOffice: the Company service, and an index of all customers.

The index is read whole once, two calls for a thousand, and then only the changes. A search takes up to three
calls for each new customer, and finds an organization number only in its exact spelling.
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
from sync.error_codes.names import NO_NUMBER, TOO_MANY_PAGES, UNREADABLE
from sync.errors import OutcomeUnknownError, ResponseTooLargeError, SyncError, UnavailableError
from sync.records import Address, Company, CompanyDraft, CustomerDetails
from sync.rules.identity_numbers import holds_identity_number

MAX_CACHED_LENGTH = 200  # of a cached text; 24SevenOffice accepts half as many characters of a name
PROPERTIES = ("Id", "ExternalId", "Name", "OrganizationNumber")
MATCHING_PROPERTIES = (*PROPERTIES, "Type", "EmailAddresses")
KEPT_PROPERTIES = ("Id", "Type", "EmailAddresses", "PhoneNumbers", "Addresses", "Country")
"""Properties that are read before a customer is saved, and sent back: otherwise they may be cleared (S14)."""

CACHE_SECONDS = 3600
"""When the whole index is read again, because deletions are in no list of changes."""

MAX_PAGES = 500
"""Maximum pages of a thousand customers in a list."""

OVERLAP = timedelta(minutes=10)
"""How far back changes are read again, in case one was saved after a later one."""


def save(session: Session, drafts: Sequence[CompanyDraft]) -> list[int | SyncError]:
    """Create or overwrite customers in one call (SaveCompanies); return a number or an error for each.

    Existing addresses and numbers are read first and sent back, as 24SevenOffice replaces them as a whole (S14).
    """
    existing = _existing(session, [each.number for each in drafts if each.number])
    companies = {"Company": [_company(draft, existing.get(draft.number or 0)) for draft in drafts]}
    results = session.call("Company", "SaveCompanies", companies=companies) or []
    return [_number_or_error(_result_of(results, draft, index)) for index, draft in enumerate(drafts)]


def find(session: Session, moment_id: str) -> Company | None:
    """Return the customer with this ExternalId (GetCompanies); the oldest, if there are several."""
    found = [company for company in _search(session, ExternalId=moment_id) if company.moment_id == moment_id]
    return min(found, key=lambda company: company.number, default=None)


def read(session: Session, number: int) -> Company | None:
    """Return the customer with this number (GetCompanies)."""
    return next((each for each in _search(session, CompanyId=number) if each.number == number), None)


def read_details(session: Session, numbers: Sequence[int]) -> list[Company]:
    """Return the customers and suppliers with these numbers, with all data for matching (GetCompanies)."""
    return _search(session, MATCHING_PROPERTIES, CompanyIds={"int": list(numbers)})


def addresses(session: Session, numbers: Sequence[int]) -> dict[int, Address]:
    """Read an address of each of these customers: the postal one, else the one for visitors (GetCompanies)."""
    found = _companies(session, ("Id", "Addresses"), CompanyIds={"int": list(numbers)})
    first = {each.Id: _first_address(each.Addresses) for each in found if each.Id}
    return {number: address for number, address in first.items() if address}


@dataclass(frozen=True, slots=True)
class _CachedCompany:
    """A customer with the time of its last change in 24SevenOffice; None if the integration saved it."""

    company: Company
    changed: datetime | None


_TYPE = TypeAdapter(_CachedCompany)


class CustomerIndex(CachedReader):
    """One client's customers and suppliers; all workers share the data that one of them has read."""

    def __init__(self, session: Session, cache: SharedCache) -> None:
        super().__init__(session)
        self._cache = cache

    def companies(self) -> Collection[Company]:
        """Return all of them (GetCompanySyncList, and GetCompanies for new or changed ones)."""
        with self._reading:
            name = self._name()
            cached = self._cache.load_members(name, _TYPE)
            if cached is None:
                cached = self._read_changes({})
                self._cache.store_members(name, cached, _TYPE, seconds=CACHE_SECONDS)
            else:
                changes = self._read_changes(cached)
                changes = {number: each for number, each in changes.items() if cached.get(number) != each}
                cached.update(changes)
                self._cache.update_members(name, changes, _TYPE)
            return [each.company for each in cached.values()]

    def count(self) -> tuple[int, int]:
        """Count the active and the inactive ones on the first page, and request the changes after it (S30)."""
        page = self._page({})
        items = page.Items.SyncCompany if page.Items else ()
        if latest := max(filter(None, map(_changed_at, items)), default=None):
            self._page({"ChangedAfter": without_zone(latest - OVERLAP)})
        active = sum(bool(item.Active) for item in items)
        return active, len(items) - active

    def record_saved(self, drafts: Sequence[CompanyDraft], results: Sequence[int | SyncError]) -> None:
        """Cache saved customers, so that they are not read again as changes."""
        saved = {
            result: _CachedCompany(draft.as_company(result), None)
            for draft, result in zip(drafts, results, strict=True)
            if isinstance(result, int)
        }
        self._cache.update_members(self._name(), saved, _TYPE)

    def drop(self, numbers: Collection[int]) -> None:
        """Remove deleted customers, which are in no list of changes."""
        self._cache.drop_members(self._name(), numbers)

    def forget(self) -> None:
        self._cache.drop_collection(self._name())

    def _name(self) -> str:
        return f"{self._session.client_hash()}:customers"

    def _read_changes(self, cached: Mapping[int, _CachedCompany]) -> dict[int, _CachedCompany]:
        """Read the customers that are not cached or have changed."""
        latest = max((each.changed for each in cached.values() if each.changed), default=None)
        since = {"ChangedAfter": without_zone(latest - OVERLAP)} if latest else {}
        changes: dict[int, _CachedCompany] = {}
        for page in self._pages(since):
            items = {item.CompanyId: item for item in (page.Items.SyncCompany if page.Items else ())}
            outdated = [number for number, item in items.items() if not _is_current(item, cached.get(number))]
            companies = {each.number: each for each in read_details(self._session, outdated)} if outdated else {}
            for number, item in items.items():
                company = companies.get(number) or (cached[number].company if number in cached else None)
                if company:
                    changes[number] = _CachedCompany(replace(company, active=item.Active), _changed_at(item))
        return changes

    def _pages(self, since: Mapping[str, datetime]) -> Iterator[SoapValue]:
        """Read page after page: the first is 1, and each has its own number."""
        page = self._page(since)
        if page.TotalPages > MAX_PAGES:
            raise ResponseTooLargeError(
                msg("24SevenOffice claims to have {count} pages of customers.", count=page.TotalPages),
                error_code=TOO_MANY_PAGES,
            )
        yield page
        for number in range(page.CurrentPage + 1, page.CurrentPage + page.TotalPages):
            page = self._page({**since, "Page": number})
            if page.CurrentPage != number:
                raise UnavailableError(
                    msg("24SevenOffice responded with a different page of customers than requested."),
                    error_code=UNREADABLE,
                )
            yield page

    def _page(self, parameters: Mapping[str, datetime | int]) -> SoapValue:
        # Both active and inactive ones (assumption S30).
        search = {"Page": 1, "Active": None, **parameters}
        return self._session.call("Company", "GetCompanySyncList", syncSearchParameters=search)


def _is_current(item: SoapValue, cached: _CachedCompany | None) -> bool:
    """Return whether nothing has to be read: a customer that the integration saved is never matched again."""
    if cached is None:
        return False
    is_ours = bool(item.ExternalId) and item.ExternalId == cached.company.moment_id
    changed_at = _changed_at(item)
    return is_ours or (changed_at is not None and changed_at == cached.changed)


def _changed_at(item: SoapValue) -> datetime | None:
    return instant_of(item.DateChanged) if item.DateChanged else None


def _existing(session: Session, numbers: Sequence[int]) -> dict[int, SoapValue]:
    """Return the properties of customers that a person may have entered."""
    found = _companies(session, KEPT_PROPERTIES, CompanyIds={"int": numbers}) if numbers else ()
    return {company.Id: company for company in found}


def _merge(existing: SoapValue, name: str, sent: Mapping[str, Any]) -> dict[str, Any] | None:
    """Merge the values to send, use by use, into those that a customer has."""
    values = serialize_object(getattr(existing, name, None), target_cls=dict) or {}
    return {**{use: each for use, each in values.items() if each}, **sent} or None


def _company(draft: CompanyDraft, existing: SoapValue) -> dict[str, Any]:
    type_ = _type(draft, existing)
    main_use = "Primary" if type_ == "Consumer" else "Work"  # email and phone are shown under it (S44)
    emails = {main_use: draft.email, "Invoice": draft.invoice_email}
    sent = {use: {"Value": address} for use, address in emails.items() if address}
    return {
        "Id": draft.number,
        "ExternalId": draft.moment_id,
        "OrganizationNumber": draft.organization_number or None,
        "Name": draft.name,
        "EmailAddresses": _merge(existing, "EmailAddresses", sent),
        "Type": type_,
        **_details(draft.details or CustomerDetails(), existing, phone_use=main_use),
    }


def _type(draft: CompanyDraft, existing: SoapValue) -> str:
    """Return the type to save; it stays for a supplier, and for a customer whose type Moment does not return."""
    type_: str = getattr(existing, "Type", None) or "None"
    if type_ == "Supplier" or (draft.is_company is None and type_ != "None"):
        return type_
    return "Consumer" if draft.is_company is False else "Business"


def _details(details: CustomerDetails, existing: SoapValue, *, phone_use: str) -> dict[str, Any]:
    """Return the details to save; of several addresses for one use, the first."""
    addresses = {each.use.capitalize(): _address(each) for each in reversed(details.addresses)}
    phones = {phone_use: {"Value": details.phone}} if details.phone else {}
    return {
        "Addresses": _merge(existing, "Addresses", addresses),
        "PhoneNumbers": _merge(existing, "PhoneNumbers", phones),
        "Country": details.country or getattr(existing, "Country", None) or None,
    }


def _address(address: Address) -> dict[str, str | None]:
    return {
        "Street": address.street or None,
        "PostalCode": address.postal_code or None,
        "PostalArea": address.city or None,  # assumption S29
        "Country": address.country or None,
    }


def _first_address(addresses: SoapValue) -> Address | None:
    uses: tuple[Literal["post", "visit", "invoice", "delivery"], ...] = ("post", "visit", "invoice", "delivery")
    for use in uses:
        if found := getattr(addresses, use.capitalize(), None):
            parts = [
                (each or "")[:MAX_CACHED_LENGTH] for each in (found.Street, found.PostalCode, found.PostalArea)
            ]
            if any(parts):
                street, postal_code, city = parts
                return Address(use, street, postal_code, city, (found.Country or "")[:MAX_CACHED_LENGTH])
    return None


def _result_of(results: Sequence[SoapValue], draft: CompanyDraft, index: int) -> SoapValue:
    """Return the result for one draft: the one with its ExternalId, or the one at its index if that has none."""
    for result in results:
        if result.ExternalId == draft.moment_id:
            return result
    result = results[index] if index < len(results) else None
    return result if result is not None and not result.ExternalId else None


def _number_or_error(result: SoapValue) -> int | SyncError:
    if result is not None and (line := error_mapping.of_exception(result.APIException)):
        return error_mapping.error_of(line, saves=True)
    if result is None or not result.Id:
        return OutcomeUnknownError(
            msg("24SevenOffice didn't report whether the customer was saved."), error_code=NO_NUMBER
        )
    number: int = result.Id
    return number


def _companies(session: Session, properties: Sequence[str], **parameters: object) -> Sequence[SoapValue]:
    names = {"string": list(properties)}
    companies = session.call("Company", "GetCompanies", searchParams=parameters, returnProperties=names) or []
    for company in companies:
        if line := error_mapping.of_exception(company.APIException):
            raise error_mapping.error_of(line, saves=False)
    return companies


def _search(session: Session, properties: Sequence[str] = PROPERTIES, **parameters: object) -> list[Company]:
    return [
        Company(
            number=company.Id,
            name=(company.Name or "")[:MAX_CACHED_LENGTH],
            organization_number=_organization_number(company.OrganizationNumber or ""),
            moment_id=company.ExternalId or "",
            emails=tuple(dict.fromkeys(_emails_by_use(company.EmailAddresses).values())),
            supplier=company.Type == "Supplier",
            person=company.Type == "Consumer",
        )
        for company in _companies(session, properties, **parameters)
        if company.Id
    ]


def _organization_number(text: str) -> str:
    """Leave out an identity number, which must be neither cached nor shown with a candidate."""
    return "" if holds_identity_number(text) else text


def _emails_by_use(addresses: SoapValue) -> dict[str, str]:
    uses = ("Work", "Primary", "Invoice", "Home", "Alternative")
    by_use = {use: getattr(addresses, use) for use in uses} if addresses else {}
    return {use: each.Value for use, each in by_use.items() if each and each.Value}
