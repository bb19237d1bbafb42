"""Records the exchange of Moment's client with the sandbox; the tests replay it.

A recording has no port and no key, and its forms always have the same boundary.
"""

import re
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import vcr
from vcr.request import Request

from tests.contracts.stage_moment import RECORDED_CALLS, MomentSandbox, calling, serving_moment

CASSETTES = Path(__file__).parent / "cassettes" / "moment"
MOMENT = "http://moment.sandbox"
BOUNDARY = re.compile(rb"--[0-9a-f]{32}")


def tape(*, record: bool = False) -> vcr.VCR:
    """A recorder, or a player that fails for anything not recorded."""
    return vcr.VCR(
        cassette_library_dir=str(CASSETTES),
        path_transformer=vcr.VCR.ensure_suffix(".yaml"),
        record_mode="all" if record else "none",
        match_on=("method", "uri", "body"),
        before_record_request=_asked,
        before_record_response=_answered,
    )


def record() -> None:
    """Make every recorded call against the sandbox, after an invoice and its credit note."""
    with serving_moment() as url:
        moment_sandbox = MomentSandbox(url)
        moment_sandbox.finalize()
        moment_sandbox.credit()
        for name, recorded_call in RECORDED_CALLS.items():
            with tape(record=True).use_cassette(name), calling(url) as gateway:
                recorded_call.call(gateway)


def _asked(request: Request) -> Request:
    """Keep the relevant part of a request; the key is not."""
    uri = f"{MOMENT}{urlsplit(request.uri)._replace(scheme='', netloc='').geturl()}"
    body = request.body_bytes and BOUNDARY.sub(b"--boundary", request.body_bytes)
    return Request(request.method, uri, body, headers={})


def _answered(response: dict[str, Any]) -> dict[str, Any]:
    kept = {name: value for name, value in response["headers"].items() if name == "content-type"}
    return response | {"headers": kept}
