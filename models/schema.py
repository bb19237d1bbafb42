"""All our tables: who asks here knows them, whichever file each stands in."""

from __future__ import annotations

from models.acceptances import AcceptanceRow
from models.doubts import DoubtRow
from models.finds import FindRow
from models.people import UserRow
from models.questions import QuestionRow
from models.tables import Base

FILES = (UserRow, DoubtRow, QuestionRow, AcceptanceRow, FindRow)
"""One table of each file beside the first, so that it is known."""

TABLES = Base.metadata
"""The tables."""
