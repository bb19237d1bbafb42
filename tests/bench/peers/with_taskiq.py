"""The job with taskiq on Redis streams, with late acknowledgement; zeep and requests block, so it uses threads."""

import asyncio
import os
from functools import cache
from typing import Any

from taskiq import SmartRetryMiddleware
from taskiq_redis import RedisStreamBroker

from tests.bench.peers import jobs

broker = RedisStreamBroker(os.environ["PEER_REDIS"]).with_middlewares(
    SmartRetryMiddleware(default_retry_count=10, default_delay=1, use_delay_exponent=True)
)


@broker.task(retry_on_error=True)
def invoice(invoice_id: int, customer_number: str | None = None, project_number: str | None = None) -> None:
    jobs.post_invoice(invoice_id, customer_number, project_number)


@broker.task(retry_on_error=True)
def project(project_id: int) -> None:
    jobs.save_project(project_id)


@broker.task(retry_on_error=True)
def customer(customer_id: int) -> None:
    jobs.save_customer(customer_id)


@cache
def loop() -> asyncio.AbstractEventLoop:
    """Start the broker as a web process does, which creates the stream's group before there are workers."""
    started = asyncio.new_event_loop()
    started.run_until_complete(broker.startup())
    return started


def send(kind: str, *told: Any) -> None:
    task: Any = {"invoice": invoice, "project": project, "customer": customer}[kind]
    loop().run_until_complete(task.kiq(*told))
