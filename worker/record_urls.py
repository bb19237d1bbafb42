"""The ids and URLs of a job's record in both systems."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import quote

from config.settings import Settings
from i18n.messages import msg
from integrations.moment import record_urls as moment
from models.database import Database
from models.enums import EntityType, Record, titled
from models.inbox import links
from models.inbox.links import RecordReferences

URL_SEGMENTS = {EntityType.CUSTOMER: "customers", EntityType.PROJECT: "projects"}
"""What ``{kind}`` in ``TWENTYFOUR_RECORD_URL`` stands for; for other types it is ``vouchers``."""


@dataclass(frozen=True, slots=True)
class RecordUrl:
    """A record in one of the systems; ``url`` is empty if unknown."""

    id: str
    name: str
    url: str


@dataclass(frozen=True, slots=True)
class RecordUrls:
    """A job's record in both systems. Each may hold none yet, one, or several (the expenses of a voucher)."""

    moment: Sequence[RecordUrl]
    twentyfour: Sequence[RecordUrl]

    def as_json(self) -> dict[str, list[dict[str, str | None]]]:
        """Return the ids and URLs as programs get them; an unknown URL is None."""
        systems = {"moment": self.moment, "twentyfour": self.twentyfour}
        return {
            name: [{"id": each.id, "url": each.url or None} for each in records]
            for name, records in systems.items()
        }


def find_record_urls(
    database: Database, settings: Settings, records: Sequence[tuple[int, Record]], *, title: str = ""
) -> list[RecordUrls]:
    """Find records, each given with its connection's id, in both systems. ``title`` names a single record."""
    template = settings.twentyfour_record_url
    return [
        RecordUrls(
            moment=[
                _moment_url(settings, found, Record(record.entity_type, each), title=title)
                for each in found.moment
            ],
            twentyfour=[_twentyfour_url(template, record.entity_type, each) for each in found.remote],
        )
        for found, (_, record) in zip(links.find_references(database, records), records, strict=True)
    ]


def _moment_url(settings: Settings, found: RecordReferences, record: Record, *, title: str) -> RecordUrl:
    """Return a record's id and URL; a project opens by its number, which both systems share."""
    if record.entity_type is EntityType.PROJECT and settings.moment_project_url:
        numbers = [int(each) for each in found.remote if each.isdecimal()]
        urls = [moment.project_url(settings.moment_project_url, found.company, number) for number in numbers]
        return RecordUrl(id=record.id, name=title, url="".join(urls[:1]))
    name = msg("Expense {name}", name=record.id) if record.entity_type is EntityType.EXPENSE else title
    url = moment.record_url(settings.moment_record_url, found.company, record)
    return RecordUrl(id=record.id, name=name, url=url)


def _twentyfour_url(template: str, entity_type: EntityType, remote_id: str) -> RecordUrl:
    """Return the URL of a number, or of a voucher such as "2026/1024" or "2026-4-40001"."""
    *years, number = re.split("[/-]", remote_id)
    year, segment = years[0] if years else "", URL_SEGMENTS.get(entity_type, "vouchers")
    name = msg("Voucher {number}/{year}", number=number, year=year) if year else titled(entity_type, number)
    url = template.format(kind=segment, year=quote(year, safe=""), number=quote(number, safe=""))
    return RecordUrl(id=remote_id, name=name, url=url)
