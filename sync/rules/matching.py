"""Matching: which 24SevenOffice customer is this Moment customer, and is a project there the same project?

A wrong link sends invoices to a stranger, and a duplicate splits a customer's ledger. So only certain matches are
linked, and a person is asked about possible ones.
"""

import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

from sync.records import Company, Customer, ExistingProject, ProjectDraft
from sync.rules.normalization import MAX_CUSTOMER_NAME_LENGTH, MAX_PROJECT_NAME_LENGTH, clean
from sync.rules.organization_numbers import is_norwegian, norwegian_number, organization_key

NAME_SIMILARITY = 0.6
"""Similarity (difflib's ratio) from which two names under the same number may be the same customer."""

LEGAL_FORMS = re.compile(
    r"as|asa|ans|da|enk|sa|ba|nuf|ks|iks|kf|sf|se|sti|brl|bbl|aksjeselskap"
    r"|ab|aps|oy|oyj|gmbh|ag|kg|ltd|limited|plc|inc|llc|bv|nv|sarl|srl|spa|sl"
)
"""Words at the start or end of a firm's name that are ignored in comparisons."""


@dataclass(frozen=True, slots=True)
class Match:
    """A certain match by its ``number``, or the ``candidates`` for a person to choose from."""

    number: int | None = None
    candidates: tuple[Company, ...] = ()


class CustomerMatcher:
    """All 24SevenOffice customers, indexed by the fields that may identify a Moment customer."""

    def __init__(self, companies: Iterable[Company]) -> None:
        self.by_number: dict[int, Company] = {}
        self._by_moment_id: dict[str, list[Company]] = defaultdict(list)
        self._by_organization: dict[str, list[Company]] = defaultdict(list)
        self._by_name: dict[str, list[Company]] = defaultdict(list)
        self._by_firm: dict[str, list[Company]] = defaultdict(list)
        self._by_email: dict[str, list[Company]] = defaultdict(list)
        for company in companies:
            self.add(company)

    def match(self, customer: Customer) -> Match:
        """Match a customer by Moment's id, number, organization number, name or email, in this order.

        An organization number alone is certain only if it is Norwegian, because another country may use the same
        one. Two customers with different Norwegian numbers are never the same, and a private person is never a
        certain match for a customer with such a number. A supplier is certain only by Moment's id, which shows
        that a person chose it. A name alone is certain for a business, unless several have it, but not for a
        person. The same name in another spelling leads to a question. An email address alone is never certain,
        because bookkeepers and families share theirs.
        """
        if known := self.known(customer):
            return Match(known)
        numbered = self._by_organization.get(organization_key(customer.organization_number), [])
        named = _without_conflicting_numbers(customer, self._by_name.get(fold_name(customer.name), []))
        certain = _only_one(customer, numbered, narrowed=[each for each in numbered if _same_name(customer, each)])
        if not numbered:
            certain = _only_one(customer, named, narrowed=[each for each in named if _same_email(customer, each)])
        if certain:
            return Match(certain.number)
        others = [*self._with_similar_name(customer), *self._by_moment_id.get(customer.id, [])]
        found = [
            *numbered,
            *named,
            *_without_conflicting_numbers(customer, others + self._with_number(customer)),
        ]
        by_email = [each for email in _emails(customer) for each in self._by_email.get(email, [])]
        return Match(candidates=tuple(dict.fromkeys(found or _without_conflicting_numbers(customer, by_email))))

    def known(self, customer: Customer, *, exclude: Collection[int] = ()) -> int | None:
        """Return the number of the active customer that either system names as this one, unless they contradict.

        Numbers in ``exclude`` are never returned.
        """
        named = [
            each
            for each in self._by_moment_id.get(customer.id, [])
            if each.active and _same_number_or_name(customer, each)
        ]
        named = [each for each in named if each.number not in exclude] or [
            each
            for each in self._with_number(customer)
            if each.active and not each.supplier and _is_company_of(customer, each)
        ]
        return min((each.number for each in named if each.number not in exclude), default=None)

    def has_namesake(self, customer: Customer) -> bool:
        """Return whether a known company has this organization number, or a similar name and no other number."""
        named = _without_conflicting_numbers(customer, self._with_similar_name(customer))
        return bool(named or self._by_organization.get(organization_key(customer.organization_number)))

    def _with_similar_name(self, customer: Customer) -> list[Company]:
        """Return the companies with the same name, apart from legal form and punctuation."""
        return self._by_firm.get(_firm(customer.name), [])

    def _with_number(self, customer: Customer) -> list[Company]:
        """Return the company with the number that Moment has, unless that is now another customer's number."""
        number = customer.number
        company = self.by_number.get(int(number)) if number.isascii() and number.isdecimal() else None
        is_possible = company and company.moment_id in ("", customer.id) and _may_be_same(customer, company)
        return [company] if company and is_possible else []

    def add(self, company: Company) -> None:
        self.by_number[company.number] = company
        indexes = (
            (self._by_moment_id, {company.moment_id}),
            (self._by_organization, {organization_key(company.organization_number)}),
            (self._by_name, {fold_name(company.name)}),
            (self._by_firm, {_firm(company.name)}),
            (self._by_email, {email.strip().casefold() for email in company.emails}),
        )
        for index, keys in indexes:
            for key in keys - {""}:
                index[key].append(company)


def _is_company_of(customer: Customer, company: Company) -> bool:
    """Return whether 24SevenOffice's customer is the same, by organization number or name."""
    return company.moment_id in ("", customer.id) and _same_number_or_name(customer, company)


def has_same_name_and_customer(draft: ProjectDraft, existing: ExistingProject) -> bool:
    """Return whether the project with this number is the same: it has the same name and not another customer."""
    other_customer = existing.customer_number and draft.customer_number not in (None, existing.customer_number)
    theirs, ours = (clean(each.name, max_length=MAX_PROJECT_NAME_LENGTH).casefold() for each in (existing, draft))
    return theirs == ours and not other_customer


def fold_name(name: str) -> str:
    return clean(name, max_length=MAX_CUSTOMER_NAME_LENGTH).casefold()


def _firm(name: str) -> str:
    """Reduce a firm's name to a key without spaces, punctuation and legal form."""
    words = re.findall(r"\w+", re.sub(r"[/.']", "", fold_name(name)))
    while len(words) > 1 and LEGAL_FORMS.fullmatch(words[-1]):
        words.pop()
    while len(words) > 1 and LEGAL_FORMS.fullmatch(words[0]):
        words.pop(0)
    return "".join(words)


def _only_one(customer: Customer, found: Sequence[Company], *, narrowed: Sequence[Company]) -> Company | None:
    """Return the only active customer, or the only active one among the ``narrowed`` ones."""
    usable = [each for each in found if each.active and not each.supplier]
    matches = usable if len(usable) == 1 else [each for each in usable if each in narrowed]
    if len(matches) != 1 or matches[0].moment_id not in ("", customer.id):
        return None
    is_certain = _same_number_or_name(customer, matches[0]) and not _may_be_namesakes(customer, matches[0])
    return matches[0] if is_certain else None


def _may_be_namesakes(customer: Customer, company: Company) -> bool:
    """Return whether they may be different people of one name: not both businesses, and no shared email."""
    if _is_person_and_business(customer, company):
        return True
    businesses = is_business(customer) and (
        not company.person or bool(organization_key(company.organization_number))
    )
    return not businesses and not _same_email(customer, company)


def is_business(customer: Customer) -> bool:
    """Return whether Moment calls it a company, or it has a valid organization number (checked if Norwegian)."""
    number_of = norwegian_number if is_norwegian(customer.country) else organization_key
    return customer.is_company is not False or bool(number_of(customer.organization_number))


def _is_person_and_business(customer: Customer, company: Company) -> bool:
    """Return whether one is a private person and the other has an organization number."""
    return not is_business(customer) and bool(organization_key(company.organization_number))


def _without_conflicting_numbers(customer: Customer, companies: Iterable[Company]) -> list[Company]:
    return [each for each in companies if not _different_norwegian_numbers(customer, each)]


def _same_number_or_name(customer: Customer, company: Company) -> bool:
    """Return whether two have the same number, or the same name (of the same kind) and no different numbers."""
    if _is_person_and_business(customer, company):
        return False
    if _norwegian(customer) and _norwegian(customer) == _norwegian(company):
        return True
    ours, theirs = (organization_key(each.organization_number) for each in (customer, company))
    return (not ours or not theirs or ours == theirs) and _same_name(customer, company)


def _may_be_same(customer: Customer, company: Company) -> bool:
    """Return whether two may be the same by their organization numbers or by similar names."""
    names = SequenceMatcher(None, fold_name(customer.name), fold_name(company.name))
    return _same_number_or_name(customer, company) or names.ratio() >= NAME_SIMILARITY


def _different_norwegian_numbers(customer: Customer, company: Company) -> bool:
    """Return whether two have different Norwegian numbers. Other numbers may be the same, written in two ways."""
    ours, theirs = _norwegian(customer), _norwegian(company)
    return bool(ours and theirs and ours != theirs)


def _norwegian(either: Customer | Company) -> str:
    """Return a Norwegian number, except nine equal digits: a placeholder, though it passes modulus 11."""
    number = norwegian_number(either.organization_number)
    is_foreign = isinstance(either, Customer) and not is_norwegian(either.country)
    return "" if is_foreign or len(set(number)) == 1 else number


def _same_name(customer: Customer, company: Company) -> bool:
    return fold_name(customer.name) == fold_name(company.name)


def _same_email(customer: Customer, company: Company) -> bool:
    return not _emails(customer).isdisjoint(email.strip().casefold() for email in company.emails)


def _emails(customer: Customer) -> set[str]:
    return {email.strip().casefold() for email in (customer.email, customer.invoice_email)} - {""}
