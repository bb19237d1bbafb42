from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import func, select

from models import throttle, users, visits
from models.people import SessionRow, SignInRow
from models.users import Rights
from models.words import Role, Scope
from worker import tasks
from worker.wiring import clock

if TYPE_CHECKING:
    from worker.wiring import Bridge


def test_what_is_left_of_sign_ins_is_dropped_once_it_is_of_no_use(bridge: Bridge) -> None:
    rights, caller, now = Rights(Role.VIEWER, Scope()), throttle.caller("anna@example.com", "192.0.2.1"), clock()
    user = users.add(bridge.database, "anna@example.com", rights, password=None, who="test", now=now)
    for at in (now - visits.LONGEST, now):
        visits.begin(bridge.database, user.id, now=at)
        throttle.note(bridge.database, caller, now=at)
    tasks.tidy()
    with bridge.database.transaction() as session:
        left = [session.scalar(select(func.count()).select_from(table)) for table in (SessionRow, SignInRow)]
    assert left == [1, 1]
