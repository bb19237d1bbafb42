"""One attempt to deliver an event: signed by the Standard Webhooks specification, bounded in time and size."""

from collections.abc import Mapping, Sequence
from datetime import datetime

import requests
from requests import PreparedRequest
from standardwebhooks import Webhook

from integrations.receivers.public_addresses import PrivateAddressError, PublicAdapter
from integrations.remote_clock import wait_asked_for
from integrations.transport import BoundedAdapter, OnCall, OversizedResponseError, ignore_call, open_session
from models.receivers.deliveries import DeliveryAttempt
from models.receivers.outbox import DeliveryProblem

CONNECT_SECONDS, ANSWER_SECONDS = 5.0, 15.0
"""Timeouts for connecting and for a whole attempt; the specification recommends 15 to 30 seconds."""

MAX_RESPONSE_BYTES = 1024
"""Bytes of a response that are read; the rest is dropped."""

PROBLEMS: Mapping[type[Exception], DeliveryProblem] = {
    PrivateAddressError: DeliveryProblem.PRIVATE_ADDRESS,
    requests.exceptions.SSLError: DeliveryProblem.TLS,
    requests.Timeout: DeliveryProblem.TIMEOUT,
    TimeoutError: DeliveryProblem.TIMEOUT,
    requests.exceptions.ChunkedEncodingError: DeliveryProblem.UNREADABLE,
    requests.ConnectionError: DeliveryProblem.NO_CONNECTION,
    OversizedResponseError: DeliveryProblem.UNREADABLE,
    OSError: DeliveryProblem.UNREADABLE,
    ValueError: DeliveryProblem.UNREADABLE,
}
"""The problem for each class of errors; the first class that matches decides."""


class ReceiverClient:
    """Sends events to receivers, with as many ``connections`` for each host; shared by threads."""

    def __init__(
        self,
        *,
        private_networks: bool,
        connections: int,
        on_call: OnCall = ignore_call,
        answer_seconds: float = ANSWER_SECONDS,
    ) -> None:
        adapter = BoundedAdapter if private_networks else PublicAdapter
        self._timeout = (min(CONNECT_SECONDS, answer_seconds), answer_seconds)
        self._session = open_session(
            lambda: adapter(
                seconds=CONNECT_SECONDS,
                max_bytes=MAX_RESPONSE_BYTES,
                pool_maxsize=connections,
                name=_operation,
                on_call=on_call,
                truncates=True,
            )
        )

    def send(self, url: str, body: str, headers: Mapping[str, str]) -> DeliveryAttempt:
        """Send a message once; a redirect is not followed and counts as any other response."""
        content = {"Content-Type": "application/json", **headers}
        try:
            response = self._session.post(
                url, data=body.encode(), headers=content, timeout=self._timeout, allow_redirects=False
            )
        except tuple(PROBLEMS) as error:
            problem = next(problem for of, problem in PROBLEMS.items() if isinstance(error, of))
            return DeliveryAttempt(problem=problem)
        return DeliveryAttempt(
            http_status=response.status_code,
            response=response.content.decode(errors="replace").replace("\0", "\N{REPLACEMENT CHARACTER}"),
            retry_after=wait_asked_for(response.headers),
        )


def sign(secrets: Sequence[str], *, message_id: str, at: datetime, body: str) -> dict[str, str]:
    """Return the headers of a message: its id, the time (UTC), and a signature by each secret."""
    signatures = [Webhook(secret).sign(message_id, at, body) for secret in secrets]
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": " ".join(signatures),
    }


def _operation(_request: PreparedRequest) -> str:
    return "POST event"
