"""The bare endpoint that ingestion is compared with: FastAPI on uvicorn, one INSERT, 202."""

import os

from fastapi import FastAPI
from fastapi.responses import JSONResponse
from psycopg2.pool import ThreadedConnectionPool
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request

THREADS = 40  # as many as run_in_threadpool has
SENDERS = 8  # the number of connections kept open


def create_app() -> FastAPI:
    """Make the app, with its own table in the same database."""
    pool = ThreadedConnectionPool(SENDERS, THREADS, os.environ["DATABASE_URL"])
    with pool.getconn() as connection, connection.cursor() as cursor:
        cursor.execute("create table if not exists bare (id bigserial primary key, token text, body text)")
    pool.putconn(connection)
    app = FastAPI()

    def insert(token: str, body: bytes) -> None:
        borrowed = pool.getconn()
        with borrowed, borrowed.cursor() as cursor:
            cursor.execute("insert into bare (token, body) values (%s, %s)", (token, body.decode()))
        pool.putconn(borrowed)

    @app.post("/webhooks/moment/{token}", status_code=202)
    async def webhook_url(token: str, request: Request) -> JSONResponse:
        await run_in_threadpool(insert, token, await request.body())
        return JSONResponse({"received": True}, 202)

    return app
