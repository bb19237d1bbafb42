"""The gateway to 24SevenOffice: the calls that the flows use, for one connection."""

import copy
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import date
from decimal import Decimal
from typing import BinaryIO, Self

from integrations.shared_cache import SharedCache
from integrations.twentyfour import customers, documents, projects
from integrations.twentyfour.client import SoapClient
from integrations.twentyfour.customers import CustomerIndex
from integrations.twentyfour.ledger import LedgerGateway
from integrations.twentyfour.projects import ProjectNumbers
from integrations.twentyfour.session import Login, Session, SessionStore
from integrations.twentyfour.vouchers import next_number
from integrations.twentyfour.vouchers import post as post_vouchers
from models.connections.settings import ConnectionSettings
from sync.errors import SyncError
from sync.records import (
    Address,
    Company,
    CompanyDraft,
    ExistingProject,
    FiscalYear,
    Identity,
    ProjectDraft,
    SetupPart,
    VatCode,
    Voucher,
    VoucherDocument,
    VoucherDocuments,
)


class TwentyFourGateway(LedgerGateway):
    """One 24SevenOffice client, with caches for seconds; implements :class:`sync.ports.InspectableErp`.

    ``is_current`` returns whether the login is still the connection's, so that its session is kept, and
    ``verify_client`` raises if the number of the client that the login reaches is not the connection's.
    """

    def __init__(  # noqa: PLR0913 - keyword-only
        self,
        settings: ConnectionSettings,
        *,
        application_id: str,
        client: SoapClient,
        store: SessionStore,
        cache: SharedCache,
        is_current: Callable[[], bool] = lambda: True,
        verify_client: Callable[[int], None] | None = None,
    ) -> None:
        login = Login(application_id, settings.username, settings.password, settings.identity_id)
        session = Session(login, client=client, store=store, is_current=is_current, verify_client=verify_client)
        super().__init__(settings, session=session, cache=cache)
        self._client = client
        self._customers = CustomerIndex(session, cache)
        self._numbers = ProjectNumbers(self._session, field=settings.client_id_field)

    def for_polls(self) -> Self:
        """Return the same gateway, with the same cache, for polls."""
        twin = copy.copy(self)
        twin._session = session = self._session.for_polls()  # noqa: SLF001 - a copy of itself
        twin._setup = self._setup.with_session(session)  # noqa: SLF001 - a copy of itself
        twin._customers = self._customers.with_session(session)  # noqa: SLF001 - a copy of itself
        twin._numbers = self._numbers.with_session(session)  # noqa: SLF001 - a copy of itself
        return twin

    def identities(self) -> Sequence[Identity]:
        return self._session.identities()

    def identity_id(self) -> str:
        return self._session.identity_id()

    def log_out(self) -> None:
        """Delete the session. Raises UnavailableError if Redis is down."""
        self._session.log_out()

    def client_name(self) -> str:
        client = self._session.call("Client", "GetClientInformation")
        return str(client.Name or "") if client else ""

    def save_companies(self, drafts: Sequence[CompanyDraft]) -> Sequence[int | SyncError]:
        results = customers.save(self._session, drafts)
        self._customers.record_saved(drafts, results)
        return results

    def all_companies(self) -> Collection[Company]:
        return self._customers.companies()

    def count_companies(self) -> tuple[int, int]:
        return self._customers.count()

    def find_company(self, moment_id: str) -> Company | None:
        return customers.find(self._session, moment_id)

    def company(self, number: int) -> Company | None:
        return customers.read(self._session, number)

    def existing_companies(self, numbers: Collection[int]) -> Collection[int]:
        """Return which of these customers exist, and remove missing ones from the customer index."""
        found = {company.number for company in customers.read_details(self._session, list(numbers))}
        self._customers.drop(set(numbers) - found)
        return found

    def addresses(self, numbers: Collection[int]) -> Mapping[int, Address]:
        return customers.addresses(self._session, list(numbers))

    def save_project(self, draft: ProjectDraft) -> None:
        settings = self._settings
        self._numbers.mark_taken(draft.number)
        projects.save(self._session, draft, client_id=settings.client_id, field=settings.client_id_field)

    def project(self, number: int) -> ExistingProject | None:
        return projects.read(self._session, number, field=self._settings.client_id_field)

    def existing_projects(self, numbers: Collection[int]) -> Sequence[ExistingProject]:
        return self._numbers.existing(numbers)

    def vat_codes(self) -> Mapping[str, VatCode]:
        return self._setup.vat_codes()

    def currency_rates(self) -> Mapping[str, Decimal]:
        return self._setup.currency_rates()

    def tax_codes(self) -> Mapping[int, str]:
        return self._setup.tax_codes()

    def fiscal_years(self) -> Sequence[FiscalYear]:
        return self._setup.fiscal_years()

    def next_voucher_number(self, day: date) -> int:
        return next_number(self._session, day, voucher_type=self._setup.outgoing_invoice())

    def post(self, vouchers: Sequence[Voucher], *, year: int) -> None:
        voucher_type = self._setup.outgoing_invoice()
        post_vouchers(
            self._session, vouchers, year=year, voucher_type=voucher_type, posting=self._settings.posting
        )

    def documents_of(self, stamps: Collection[int]) -> Mapping[int, VoucherDocuments]:
        return documents.of_stamps(self._session, stamps)

    def open_document(
        self, document: VoucherDocument, *, renew_lease: Callable[[], None]
    ) -> AbstractContextManager[BinaryIO]:
        shared = self._client.shared_values
        if "chunk" not in shared:
            shared["chunk"] = documents.chunk_size(self._session)
        return documents.open_document(self._session, document, chunk=shared["chunk"], renew_lease=renew_lease)

    def forget(self, *parts: SetupPart) -> None:
        self._setup.forget(*(parts or tuple(SetupPart)))
        if not parts:
            self._customers.forget()
