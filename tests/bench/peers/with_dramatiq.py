"""The job with dramatiq: an actor for each event; late acknowledgement and retries are its default."""

import os
from typing import Any

import dramatiq
from dramatiq.brokers.redis import RedisBroker

from tests.bench.peers import jobs

dramatiq.set_broker(RedisBroker(url=os.environ["PEER_REDIS"]))  # type: ignore[no-untyped-call]  # it says no types


@dramatiq.actor(min_backoff=1000, max_backoff=600_000, max_retries=10)
def invoice(invoice_id: int, customer_number: str | None = None, project_number: str | None = None) -> None:
    jobs.post_invoice(invoice_id, customer_number, project_number)


@dramatiq.actor(min_backoff=1000, max_backoff=600_000, max_retries=10)
def project(project_id: int) -> None:
    jobs.save_project(project_id)


@dramatiq.actor(min_backoff=1000, max_backoff=600_000, max_retries=10)
def customer(customer_id: int) -> None:
    jobs.save_customer(customer_id)


def send(kind: str, *told: Any) -> None:
    actor: Any = {"invoice": invoice, "project": project, "customer": customer}[kind]
    actor.send(*told)
