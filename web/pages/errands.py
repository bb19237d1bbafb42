"""What became of a test of a connection; the page asks again until a worker has answered."""

from typing import Annotated

from fastapi import APIRouter, HTTPException, Path, Request, Response, status

from language.said import say
from models.errands import Asked
from web.findings import Told
from web.rendering import render
from web.settings_form import TITLES
from web.visitors import Operator
from worker.wiring import bridge

router = APIRouter()

DONE = {
    "saved": say("The settings are saved."),
    "added": say("The connection is added. Nothing travels before you start it."),
}
LARGEST = 2**63 - 1


@router.get("/errands/{errand_id}")
def show(
    request: Request, visitor: Operator, errand_id: Annotated[int, Path(le=LARGEST)], done: str = ""
) -> Response:
    """Show what was found, or that it is being looked at."""
    errand = bridge().errands.get(errand_id)
    if errand is None or errand.asked is not Asked.EXAMINATION or not visitor.scope.allows(errand.connection_id):
        raise HTTPException(status.HTTP_404_NOT_FOUND)
    connection = bridge().connections.get(errand.connection_id)
    return render(
        request,
        visitor,
        "errand.html",
        told=Told(errand),
        connection=connection,
        titles=TITLES,
        done=DONE.get(done),
    )
