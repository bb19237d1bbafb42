"""Matching: which customer of 24SevenOffice is this one of Moment, and is a project there the same? Match, or ask.

A wrong link sends invoices to a stranger, and a duplicate splits a customer's ledger. So only certain matches are
linked, and a person is asked about possible ones.
"""

import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

from sync.records import Company, Customer, ExistingProject, ProjectDraft
from sync.rules.normalization import clean, is_norwegian, norwegian_number, organization_key

MAX_NAME_LENGTH = 100
"""Characters that 24SevenOffice keeps of a customer's name (S50); longer names are compared up to there."""

MAX_PROJECT_NAME_LENGTH = 200

NAME_SIMILARITY = 0.6
"""Similarity (difflib's ratio) from which two names under the same number may be the same customer."""

LEGAL_FORMS = re.compile(
    r"as|asa|ans|da|enk|sa|ba|nuf|ks|iks|kf|sf|se|sti|brl|bbl|aksjeselskap"
    r"|ab|aps|oy|oyj|gmbh|ag|kg|ltd|limited|plc|inc|llc|bv|nv|sarl|srl|spa|sl"
)
"""Words at the start or end of a firm's name that make no difference."""


@dataclass(frozen=True, slots=True)
class Match:
    """``number`` is the match, if it is certain; ``candidates`` are those to choose from."""

    number: int | None = None
    candidates: tuple[Company, ...] = ()


class CustomerMatcher:
    """All customers of 24SevenOffice, indexed by what they may have in common with one of Moment."""

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
        """Match a customer by Moment's id, number, organization number, name or e-mail, in this order.

        An organization number alone is certain only if it is Norwegian, as another country may use the same one.
        Two customers with different Norwegian numbers are never the same, and a private person is never a certain
        match for a customer with such a number. A supplier is certain only by Moment's id, since a person chose it
        then. A name alone is certain for a business, unless several have it, but not for a person; the same name
        in another spelling leads to a question. An e-mail address alone is never certain: bookkeepers and families
        share theirs.
        """
        if known := self.known(customer):
            return Match(known)
        numbered = self._by_organization.get(organization_key(customer.organization_number), [])
        named = _compatible(customer, self._by_name.get(folded(customer.name), []))
        certain = _only_one(customer, numbered, narrowed=[each for each in numbered if _same_name(customer, each)])
        if not numbered:
            certain = _only_one(customer, named, narrowed=[each for each in named if _same_email(customer, each)])
        if certain:
            return Match(certain.number)
        others = [*self._spelled_otherwise(customer), *self._by_moment_id.get(customer.id, [])]
        found = [*numbered, *named, *_compatible(customer, others + self._numbered(customer))]
        by_email = [each for email in _emails(customer) for each in self._by_email.get(email, [])]
        return Match(candidates=tuple(dict.fromkeys(found or _compatible(customer, by_email))))

    def known(self, customer: Customer, *, but: Collection[int] = ()) -> int | None:
        """Return the number of the active customer that either system names as this one, unless contradicted.

        The customers in ``but`` are excluded.
        """
        named = [
            each for each in self._by_moment_id.get(customer.id, []) if each.active and _agrees(customer, each)
        ]
        named = [each for each in named if each.number not in but] or [
            each
            for each in self._numbered(customer)
            if each.active and not each.supplier and is_same(customer, each)
        ]
        return min((each.number for each in named if each.number not in but), default=None)

    def has_namesake(self, customer: Customer) -> bool:
        """Return whether another has its organization number, or its name in any spelling and no other number."""
        named = _compatible(customer, self._spelled_otherwise(customer))
        return bool(named or self._by_organization.get(organization_key(customer.organization_number)))

    def _spelled_otherwise(self, customer: Customer) -> list[Company]:
        """Return those with its name, whatever the legal form and punctuation."""
        return self._by_firm.get(_firm(customer.name), [])

    def _numbered(self, customer: Customer) -> list[Company]:
        """Return the customer with the number that Moment has, unless the number now belongs to a stranger."""
        number = customer.number
        held = self.by_number.get(int(number)) if number.isascii() and number.isdecimal() else None
        return [held] if held and held.moment_id in ("", customer.id) and _alike(customer, held) else []

    def add(self, company: Company) -> None:
        self.by_number[company.number] = company
        indexes = (
            (self._by_moment_id, {company.moment_id}),
            (self._by_organization, {organization_key(company.organization_number)}),
            (self._by_name, {folded(company.name)}),
            (self._by_firm, {_firm(company.name)}),
            (self._by_email, {email.strip().casefold() for email in company.emails}),
        )
        for index, keys in indexes:
            for key in keys - {""}:
                index[key].append(company)


def is_same(customer: Customer, company: Company) -> bool:
    """Return whether 24SevenOffice's customer with this number is the same, by organization number or name."""
    return company.moment_id in ("", customer.id) and _agrees(customer, company)


def same_project(draft: ProjectDraft, held: ExistingProject) -> bool:
    """Return whether the project with the number is the same: same name, and not of another customer."""
    of_another = held.customer_number and draft.customer_number not in (None, held.customer_number)
    theirs, ours = (clean(each.name, max_length=MAX_PROJECT_NAME_LENGTH).casefold() for each in (held, draft))
    return theirs == ours and not of_another


def folded(name: str) -> str:
    return clean(name, max_length=MAX_NAME_LENGTH).casefold()


def _firm(name: str) -> str:
    """Reduce a firm's name to a key without spaces, punctuation and legal form."""
    words = re.findall(r"\w+", re.sub(r"[/.']", "", folded(name)))
    while len(words) > 1 and LEGAL_FORMS.fullmatch(words[-1]):
        words.pop()
    while len(words) > 1 and LEGAL_FORMS.fullmatch(words[0]):
        words.pop(0)
    return "".join(words)


def _only_one(customer: Customer, found: Sequence[Company], *, narrowed: Sequence[Company]) -> Company | None:
    """Return the only active customer, or the only one of these that has more in common."""
    usable = [each for each in found if each.active and not each.supplier]
    left = usable if len(usable) == 1 else [each for each in usable if each in narrowed]
    if len(left) != 1 or left[0].moment_id not in ("", customer.id):
        return None
    return left[0] if _agrees(customer, left[0]) and not _may_be_namesakes(customer, left[0]) else None


def _may_be_namesakes(customer: Customer, company: Company) -> bool:
    """Return whether two may only share a name: not both are businesses, and no e-mail address is the same."""
    if _is_person_and_business(customer, company):
        return True
    businesses = is_business(customer) and (
        not company.person or bool(organization_key(company.organization_number))
    )
    return not businesses and not _same_email(customer, company)


def is_business(customer: Customer) -> bool:
    """Return whether it has a valid organization number (checked if Norwegian), or Moment calls it a company."""
    read = norwegian_number if is_norwegian(customer.country) else organization_key
    return customer.is_company is not False or bool(read(customer.organization_number))


def _is_person_and_business(customer: Customer, company: Company) -> bool:
    """Return whether one is a private person and the other has an organization number."""
    return not is_business(customer) and bool(organization_key(company.organization_number))


def _compatible(customer: Customer, companies: Iterable[Company]) -> list[Company]:
    return [each for each in companies if not _another_company(customer, each)]


def _agrees(customer: Customer, company: Company) -> bool:
    """Return whether two have the same Norwegian organization number, or the same name and no other number.

    A person's name never equals a business's.
    """
    if _is_person_and_business(customer, company):
        return False
    if _norwegian(customer) and _norwegian(customer) == _norwegian(company):
        return True
    ours, theirs = (organization_key(each.organization_number) for each in (customer, company))
    return (not ours or not theirs or ours == theirs) and _same_name(customer, company)


def _alike(customer: Customer, company: Company) -> bool:
    """Return whether two may be the same by their organization numbers or by similar names."""
    names = SequenceMatcher(None, folded(customer.name), folded(company.name))
    return _agrees(customer, company) or names.ratio() >= NAME_SIMILARITY


def _another_company(customer: Customer, company: Company) -> bool:
    """Return whether two have different Norwegian numbers; other numbers may be one written in two ways."""
    ours, theirs = _norwegian(customer), _norwegian(company)
    return bool(ours and theirs and ours != theirs)


def _norwegian(either: Customer | Company) -> str:
    """Return a Norwegian number, except nine equal digits: a placeholder, though it passes modulus 11."""
    number = norwegian_number(either.organization_number)
    is_foreign = isinstance(either, Customer) and not is_norwegian(either.country)
    return "" if is_foreign or len(set(number)) == 1 else number


def _same_name(customer: Customer, company: Company) -> bool:
    return folded(customer.name) == folded(company.name)


def _same_email(customer: Customer, company: Company) -> bool:
    return not _emails(customer).isdisjoint(email.strip().casefold() for email in company.emails)


def _emails(customer: Customer) -> set[str]:
    return {email.strip().casefold() for email in (customer.email, customer.invoice_email)} - {""}
