"""Records the exchange of 24SevenOffice's client with the sandbox; the tests replay it.

A recording has no port, user name, password or session.
"""

import re
from copy import copy
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import vcr
from redis import Redis
from vcr.request import Request

from local import servers
from tests.contracts.stage_twentyfour import (
    RECORDED_CALLS,
    TwentyFourSandbox,
    enter_purchase,
    gateway,
    serving_twentyfour,
)

CASSETTES = Path(__file__).parent / "cassettes" / "twentyfour"
TWENTYFOUR = "http://24sevenoffice.sandbox"
SECRETS = re.compile(rb"(<(?:\w+:)?(?:Username|Password|LoginResult)>|<User>.*?<Name>)[^<]*")


def tape(*, record: bool = False) -> vcr.VCR:
    """A recorder, or a player that fails for anything not recorded."""
    return vcr.VCR(
        cassette_library_dir=str(CASSETTES),
        path_transformer=vcr.VCR.ensure_suffix(".yaml"),
        record_mode="all" if record else "none",
        match_on=("method", "path", "body"),
        before_record_request=_asked,
        before_record_response=_answered,
    )


def record() -> None:
    """Make every recorded call against the sandbox, each by a worker that has not logged in."""
    with (
        serving_twentyfour() as url,
        TemporaryDirectory() as folder,
        servers.redis(Path(folder), port=0) as server,
    ):
        redis = Redis.from_url(server.url)
        enter_purchase(TwentyFourSandbox(url, redis))
        for name, recorded_call in RECORDED_CALLS.items():
            redis.flushall()
            with tape(record=True).use_cassette(name):
                recorded_call.call(gateway(url, redis, **recorded_call.settings))


def _asked(request: Request) -> Request:
    """Keep the content and the path of a request, without login and session."""
    request = copy(request)
    request.uri = TWENTYFOUR + request.path
    request.headers = {name: value for name, value in request.headers.items() if name == "SOAPAction"}
    request.body = SECRETS.sub(rb"\1secret", request.body)
    return request


def _answered(response: dict[str, Any]) -> dict[str, Any]:
    """Keep the content of a response, without the session."""
    kept = {name: value for name, value in response["headers"].items() if name == "content-type"}
    said = SECRETS.sub(rb"\1secret", response["body"]["string"])
    return response | {"headers": kept, "body": {"string": said}}
