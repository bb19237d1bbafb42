"""The ids and URLs of a job's record in both systems."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from config.settings import Settings
from i18n.messages import msg
from integrations.moment import record_urls as moment
from integrations.twentyfour import record_urls as twentyfour
from models.admin.job_list import JobView
from models.database import Database
from models.enums import EntityType, Record, titled
from models.inbox import links
from models.inbox.links import RecordReferences


@dataclass(frozen=True, slots=True)
class RecordUrl:
    """A record in one of the systems; ``url`` is empty if unknown."""

    name: str
    url: str


@dataclass(frozen=True, slots=True)
class RecordUrls:
    """A job's record in both systems. Each may hold none yet, one, or several (the expenses of a voucher)."""

    moment: Sequence[RecordUrl]
    twentyfour: Sequence[RecordUrl]


def find_record_urls(database: Database, settings: Settings, job: JobView) -> RecordUrls:
    (found,), entity_type = links.references(database, [(job.connection_id, job.record)]), job.record.entity_type
    template = settings.twentyfour_record_url
    return RecordUrls(
        moment=[_moment_url(settings, found, Record(entity_type, each), title=job.title) for each in found.moment],
        twentyfour=[_twentyfour_url(template, entity_type, each) for each in found.remote],
    )


def find_references(
    database: Database, settings: Settings, records: Sequence[tuple[int, Record]]
) -> list[dict[str, list[dict[str, str | None]]]]:
    """Return the ids of records, each given with its connection's id, in each system with their URLs.

    A URL is None if it is unknown.
    """
    found = links.references(database, records)
    return [_references(settings, each, record) for each, (_, record) in zip(found, records, strict=True)]


def _references(
    settings: Settings, found: RecordReferences, record: Record
) -> dict[str, list[dict[str, str | None]]]:
    entity_type = record.entity_type
    moment_urls = (
        (each, _moment_url(settings, found, Record(entity_type, each), title="")) for each in found.moment
    )
    template = settings.twentyfour_record_url
    twentyfour_urls = ((each, _twentyfour_url(template, entity_type, each)) for each in found.remote)
    return {
        "moment": [{"id": each, "url": there.url or None} for each, there in moment_urls],
        "twentyfour": [{"id": each, "url": there.url or None} for each, there in twentyfour_urls],
    }


def _moment_url(settings: Settings, found: RecordReferences, record: Record, *, title: str) -> RecordUrl:
    """Return a record's id and URL; a project opens by its number, which both systems share."""
    if record.entity_type is EntityType.PROJECT and settings.moment_project_url:
        numbers = [int(each) for each in found.remote if each.isdecimal()]
        urls = [moment.project_url(settings.moment_project_url, found.company, number) for number in numbers]
        return RecordUrl(name=title, url="".join(urls[:1]))
    name = msg("Expense {name}", name=record.id) if record.entity_type is EntityType.EXPENSE else title
    return RecordUrl(name=name, url=moment.record_url(settings.moment_record_url, found.company, record))


def _twentyfour_url(template: str, entity_type: EntityType, remote_id: str) -> RecordUrl:
    """Parse a number, or a voucher such as "2026/1024" or "2026-4-40001"."""
    *year, number = re.split("[/-]", remote_id)
    name = msg("Voucher {number}/{year}", number=number, year=year[0]) if year else titled(entity_type, number)
    url = twentyfour.record_url(template, entity_type, number, year=year[0] if year else "")
    return RecordUrl(name=name, url=url)
