"""The steps before a connection is started: each tick is computed from the database, and none is stored."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from i18n.messages import Message, msg
from models.admin.operations import Operations, OperationType
from models.connections.repository import Connection
from models.database import Database
from models.enums import EntityType, Scope
from models.inbox import links, webhook_intake
from sync.diagnostics.findings import Finding
from web.views.diagnostics import OperationView

MOMENT, LOGIN, CREDENTIALS = "moment.company", "login.login", ("moment_company", "moment_api_key")
"""The checks of a test and the settings that concern Moment's credentials."""

ACCOUNTS = "accounting_setup."
"""Prefixes of the checks that read accounts and VAT codes."""

MATCHINGS_READ = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class SetUpStep:
    """One step, with its errors from the last test; ``path`` leads to its tab and field.

    ``waiting`` says what is missing once nothing is left to do but wait.
    """

    title: Message
    help: Message
    path: str
    done: bool
    waiting: Message | None = None
    errors: Sequence[Finding] = ()
    for_administrators: bool = False


@dataclass(frozen=True, slots=True)
class SetUp:
    """A connection that is not started, with the last test of its current settings, None if there is none."""

    database: Database
    operations: Operations
    connection: Connection
    last: OperationView | None

    def steps(self) -> Iterator[SetUpStep]:
        reached = bool(self.last and self.last.clients)
        passed = {each.check for each in (self.last.passed if self.last else ())}
        yield SetUpStep(
            title=msg("Access to both systems"),
            help=msg("The Moment API key and the 24SevenOffice user both work."),
            path="settings#moment_company",
            done=reached and MOMENT in passed,
            errors=self._errors(lambda each: _is_of_moment(each) or (each.check == LOGIN and not reached)),
            for_administrators=True,
        )
        yield SetUpStep(
            title=msg("24SevenOffice client"),
            help=msg("Choose the client if the user has access to more than one."),
            path="settings#identity_id",
            done=LOGIN in passed,
            errors=self._errors(lambda each: each.check == LOGIN and reached),
            for_administrators=True,
        )
        others = self._errors(lambda each: not _is_of_moment(each) and each.check != LOGIN)
        yield SetUpStep(
            title=msg("Accounts, VAT and alerts"),
            help=msg("The accounts and VAT codes exist in 24SevenOffice, and someone gets the alerts."),
            path="settings#receivables_account",
            done=not others and any(each.startswith(ACCOUNTS) for each in passed),
            errors=others,
            for_administrators=True,
        )
        yield SetUpStep(
            title=msg("Existing customers and projects"),
            help=msg("Match those that both systems already have. Preview it first; nothing is duplicated."),
            path="matching",
            done=self._is_matched(),
        )
        yield SetUpStep(
            title=msg("Webhook URL"),
            help=msg("Generate it and paste it into Moment, so that changes arrive within seconds."),
            path="webhooks",
            done=bool(webhook_intake.latest_activity(self.database, self.connection.id)),
            waiting=msg("Generated; nothing received yet") if self.connection.webhook_token_at else None,
            for_administrators=True,
        )
        yield SetUpStep(
            title=msg("Test"),
            help=msg("Everything that can be checked automatically passes."),
            path="test",
            done=bool(self.last and self.last.operation.completed_at and not self.last.failed),
        )

    def _errors(self, concerns: Callable[[Finding], bool]) -> list[Finding]:
        return [each for each in (self.last.failed if self.last else ()) if concerns(each)]

    def _is_matched(self) -> bool:
        """Return whether a matching was carried out here, or the command line's matching left links."""
        types, scope = [OperationType.INITIAL_MATCHING], Scope(frozenset({self.connection.id}))
        found = self.operations.page(scope, types=types, size=MATCHINGS_READ).lines
        results = [each.result for each in found if each.result]
        if any("matching" in each and not each["input"].get("dry_run") for each in results):
            return True
        of_parties = EntityType.CUSTOMER, EntityType.PROJECT
        return any(links.find_latest(self.database, self.connection.id, each) for each in of_parties)


def _is_of_moment(finding: Finding) -> bool:
    return finding.check == MOMENT or finding.setting in CREDENTIALS
