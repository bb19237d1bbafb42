"""Which customer of 24SevenOffice a customer of Moment is, and whether a project there is the same: match, or ask.

To link the wrong one sends invoices to a stranger, and to make a second one splits a customer's ledger. So only
what is certain is linked, and what is neither certain nor strange is asked of a person.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

from sync.records import Company, Customer, ExistingProject, ProjectDraft
from sync.rules.normalization import clean, without_decoration

MAX_NAME_LENGTH = 200

NAME_SIMILARITY = 0.6
"""From here on two names under the same number may be one customer's; the measure is that of difflib."""


@dataclass(frozen=True, slots=True)
class Match:
    """``number`` is that of the one that it is, if that is certain; ``candidates`` are those to choose from."""

    number: int | None = None
    candidates: tuple[Company, ...] = ()


class CustomerMatcher:
    """All customers of 24SevenOffice, found by what they may have in common with one of Moment."""

    def __init__(self, companies: Iterable[Company]) -> None:
        self.by_number: dict[int, Company] = {}
        self._by_moment_id: dict[str, list[Company]] = defaultdict(list)
        self._by_organization: dict[str, list[Company]] = defaultdict(list)
        self._by_name: dict[str, list[Company]] = defaultdict(list)
        self._by_email: dict[str, list[Company]] = defaultdict(list)
        for company in companies:
            self.add(company)

    def match(self, customer: Customer) -> Match:
        """Find a customer by Moment's id, its number, organization number, name or e-mail, in this order.

        Two with different organization numbers are never the same, and a private person is never for certain one
        who has such a number. A name alone tells a business from another unless there are several of it, but not
        a person. An e-mail address alone tells nobody: bookkeepers and families share theirs.
        """
        if known := self.known(customer):
            return Match(known)
        if found := self._by_organization.get(without_decoration(customer.organization_number), []):
            return _judged(customer, found, narrowed=[each for each in found if _same_name(customer, each)])
        if found := _compatible(customer, self._by_name.get(folded(customer.name), [])):
            return _judged(customer, found, narrowed=[each for each in found if _same_email(customer, each)])
        found = [each for email in _emails(customer) for each in self._by_email.get(email, [])]
        found += self._by_moment_id.get(customer.id, []) + self._numbered(customer)
        return Match(candidates=tuple(dict.fromkeys(_compatible(customer, found))))

    def known(self, customer: Customer) -> int | None:
        """Tell the number of the customer in use that either system names as this one, where nothing denies it."""
        named = [
            each for each in self._by_moment_id.get(customer.id, []) if each.active and _agrees(customer, each)
        ]
        named = named or [each for each in self._numbered(customer) if each.active and is_same(customer, each)]
        return min((each.number for each in named), default=None)

    def has_namesake(self, customer: Customer) -> bool:
        """Tell whether somebody has its organization number, or its name and no other organization number."""
        named = _compatible(customer, self._by_name.get(folded(customer.name), []))
        return bool(named or self._by_organization.get(without_decoration(customer.organization_number)))

    def _numbered(self, customer: Customer) -> list[Company]:
        """Find the customer that has the number which Moment knows, if it is no stranger to whom it fell."""
        number = customer.number
        held = self.by_number.get(int(number)) if number.isascii() and number.isdecimal() else None
        return [held] if held and held.moment_id in ("", customer.id) and _alike(customer, held) else []

    def add(self, company: Company) -> None:
        self.by_number[company.number] = company
        indexes = (
            (self._by_moment_id, {company.moment_id}),
            (self._by_organization, {without_decoration(company.organization_number)}),
            (self._by_name, {folded(company.name)}),
            (self._by_email, {email.strip().casefold() for email in company.emails}),
        )
        for index, keys in indexes:
            for key in keys - {""}:
                index[key].append(company)


def is_same(customer: Customer, company: Company) -> bool:
    """Tell whether a customer that 24SevenOffice has under the same number is the same one, by number or name."""
    return company.moment_id in ("", customer.id) and _agrees(customer, company)


def same_project(draft: ProjectDraft, held: ExistingProject) -> bool:
    """Tell whether the project that has the number is the same one: of its name, and of no other customer."""
    of_another = held.customer_number and draft.customer_number not in (None, held.customer_number)
    return folded(held.name) == folded(draft.name) and not of_another


def folded(name: str) -> str:
    return clean(name, max_length=MAX_NAME_LENGTH).casefold()


def _judged(customer: Customer, found: Sequence[Company], *, narrowed: Sequence[Company]) -> Match:
    """Take the only one that is in use as a customer, or the only one of these that has more in common."""
    usable = [each for each in found if each.active and not each.supplier]
    left = usable if len(usable) == 1 else [each for each in usable if each in narrowed]
    certain = (
        len(left) == 1 and left[0].moment_id in ("", customer.id) and not _may_be_namesakes(customer, left[0])
    )
    return Match(left[0].number) if certain else Match(candidates=tuple(found))


def _may_be_namesakes(customer: Customer, company: Company) -> bool:
    """Tell whether two may only be called the same: not both are businesses, and they share no e-mail address."""
    if _is_person_and_business(customer, company):
        return True
    businesses = _is_business(customer) and (not company.person or bool(company.organization_number))
    return not businesses and not _same_email(customer, company)


def _is_business(customer: Customer) -> bool:
    return customer.is_company or bool(customer.organization_number)


def _is_person_and_business(customer: Customer, company: Company) -> bool:
    """Tell whether the one is a private person, and the other has an organization number."""
    return not _is_business(customer) and bool(without_decoration(company.organization_number))


def _compatible(customer: Customer, companies: Iterable[Company]) -> list[Company]:
    """Leave out those that have another organization number."""
    return [each for each in companies if len({*_organization_numbers(customer, each)} - {""}) <= 1]


def _agrees(customer: Customer, company: Company) -> bool:
    """Tell whether organization numbers, or else names, are the same; a person's is never a business's."""
    if _is_person_and_business(customer, company):
        return False
    ours, theirs = _organization_numbers(customer, company)
    return ours == theirs if ours and theirs else _same_name(customer, company)


def _alike(customer: Customer, company: Company) -> bool:
    """Tell whether two may be one by their organization numbers or, nearly, by their names."""
    names = SequenceMatcher(None, folded(customer.name), folded(company.name))
    return _agrees(customer, company) or names.ratio() >= NAME_SIMILARITY


def _organization_numbers(*both: Customer | Company) -> Iterator[str]:
    return (without_decoration(each.organization_number) for each in both)


def _same_name(customer: Customer, company: Company) -> bool:
    return folded(customer.name) == folded(company.name)


def _same_email(customer: Customer, company: Company) -> bool:
    return not _emails(customer).isdisjoint(email.strip().casefold() for email in company.emails)


def _emails(customer: Customer) -> set[str]:
    return {email.strip().casefold() for email in (customer.email, customer.invoice_email)} - {""}
