"""The register of customers and suppliers: read once as a whole, and then only what has changed in it.

Searching for each new customer by itself would take up to three calls, and would find an organization number only
as it happens to be written there. Read as a whole it takes two calls for a thousand, and one more for each batch
of new customers as long as nobody changes anything.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from integrations.twentyfour import customers
from integrations.twentyfour.client import SoapValue
from integrations.twentyfour.instants import instant_of, without_zone
from integrations.twentyfour.session import ReadCache, Session
from sync.errors import SyncError
from sync.records import Company, CompanyDraft

CACHE_SECONDS = 3600
"""After so long all of it is read again, since what was deleted is in no list of changes."""

OVERLAP = timedelta(minutes=10)
"""So far back changes are looked for once more, should one have been saved after a later one."""


@dataclass(frozen=True, slots=True)
class _CachedCompany:
    """A customer as it was read, and 24SevenOffice's own instant of its last change; None for what we saved."""

    company: Company
    changed: datetime | None


class CustomerIndex(ReadCache[str, dict[int, _CachedCompany]]):
    """One client's customers and suppliers."""

    def __init__(self, session: Session) -> None:
        super().__init__(session, maxsize=1, seconds=CACHE_SECONDS)

    def companies(self) -> Collection[Company]:
        """Tell all that there are now (GetCompanySyncList, and GetCompanies for those that are new or changed)."""
        with self._reading:
            held = self._remembered.get("all")
            if held is None:
                held = self._remembered["all"] = self._fresh({})
            else:
                held.update(self._fresh(held))
            return [each.company for each in held.values()]

    def count(self) -> tuple[int, int]:
        """Count those in use and out of use on the first page, and hand back its latest instant (S30)."""
        page = self._page({})
        items = page.Items.SyncCompany if page.Items else ()
        if latest := max(filter(None, map(_changed, items)), default=None):
            self._page({"ChangedAfter": without_zone(latest - OVERLAP)})
        in_use = sum(bool(item.Active) for item in items)
        return in_use, len(items) - in_use

    def record_saved(self, drafts: Sequence[CompanyDraft], answers: Sequence[int | SyncError]) -> None:
        """Remember what we saved, so that it is not read again because it has changed."""
        with self._reading:
            held = self._remembered.get("all")
            for draft, answer in zip(drafts, answers, strict=True):
                if held is not None and isinstance(answer, int):
                    held[answer] = _CachedCompany(_saved(draft, answer), None)

    def _fresh(self, held: Mapping[int, _CachedCompany]) -> dict[int, _CachedCompany]:
        """Read what is not held, or not as it is now."""
        latest = max((each.changed for each in held.values() if each.changed), default=None)
        since = {"ChangedAfter": without_zone(latest - OVERLAP)} if latest else {}
        fresh: dict[int, _CachedCompany] = {}
        for page in self._pages(since):
            items = {item.CompanyId: item for item in (page.Items.SyncCompany if page.Items else ())}
            unknown = [number for number, item in items.items() if not _is_current(item, held.get(number))]
            told = {each.number: each for each in customers.detailed(self._session, unknown)} if unknown else {}
            for number, item in items.items():
                company = told.get(number) or (held[number].company if number in held else None)
                if company:
                    fresh[number] = _CachedCompany(replace(company, active=item.Active), _changed(item))
        return fresh

    def _pages(self, since: Mapping[str, datetime]) -> Iterator[SoapValue]:
        """Read page after page; what number the first one has is for 24SevenOffice to say."""
        page = self._page(since)
        yield page
        for _ in range(page.TotalPages - 1):
            page = self._page({**since, "Page": page.CurrentPage + 1})
            yield page

    def _page(self, parameters: Mapping[str, datetime | int]) -> SoapValue:
        wanted = {"Active": None, **parameters}  # neither only those in use nor only the others (assumption S30)
        return self._session.call("Company", "GetCompanySyncList", syncSearchParameters=wanted)


def _is_current(item: SoapValue, held: _CachedCompany | None) -> bool:
    """Tell whether nothing has to be read: what we saved is not what anybody will be matched with again."""
    if held is None:
        return False
    ours = bool(item.ExternalId) and item.ExternalId == held.company.moment_id
    changed = _changed(item)
    return ours or (changed is not None and changed == held.changed)


def _changed(item: SoapValue) -> datetime | None:
    return instant_of(item.DateChanged) if item.DateChanged else None


def _saved(draft: CompanyDraft, number: int) -> Company:
    return Company(
        number=number,
        name=draft.name,
        organization_number=draft.organization_number,
        moment_id=draft.moment_id,
        emails=tuple(dict.fromkeys(email for email in (draft.email, draft.invoice_email) if email)),
    )
