"""All our tables: who asks here knows them, whichever file each stands in."""

from models.schema.match_questions import MatchQuestionRow
from models.schema.missed_webhooks import MissedWebhookRow
from models.schema.reconciliation import AcceptanceRow
from models.schema.restore import RestoredLaneRow
from models.schema.tables import Base
from models.schema.users import UserRow

FILES = (UserRow, RestoredLaneRow, MatchQuestionRow, AcceptanceRow, MissedWebhookRow)
"""One table of each file beside the first, so that it is known."""

TABLES = Base.metadata
"""The tables."""
