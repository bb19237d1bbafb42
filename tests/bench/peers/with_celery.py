"""The job with Celery: a task for each event, acknowledged when it is done and retried with growing delays."""

import os
from typing import Any

import requests
from celery import Celery
from zeep.exceptions import Error

from tests.bench.peers import jobs

app = Celery("peer", broker=os.environ["PEER_REDIS"])
app.conf.update(task_ignore_result=True, task_acks_late=True, worker_prefetch_multiplier=1)

RETRIED = (requests.RequestException, Error, jobs.NotYetError, jobs.RefusedError)


@app.task(autoretry_for=RETRIED, retry_backoff=True, max_retries=10)
def invoice(invoice_id: int, customer_number: str | None = None, project_number: str | None = None) -> None:
    jobs.post_invoice(invoice_id, customer_number, project_number)


@app.task(autoretry_for=RETRIED, retry_backoff=True, max_retries=10)
def project(project_id: int) -> None:
    jobs.save_project(project_id)


@app.task(autoretry_for=RETRIED, retry_backoff=True, max_retries=10)
def customer(customer_id: int) -> None:
    jobs.save_customer(customer_id)


def send(kind: str, *told: Any) -> None:
    {"invoice": invoice, "project": project, "customer": customer}[kind].delay(*told)
