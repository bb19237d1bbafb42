"""Alters texts in the responses of the sandbox, to imitate responses of the real systems that differ."""

from starlette.types import ASGIApp, Message, Receive, Scope, Send


class Altering:
    """Replaces ``texts`` in the responses of the apps that it wraps."""

    def __init__(self) -> None:
        self.texts: dict[bytes, bytes] = {}

    def around(self, app: ASGIApp) -> ASGIApp:
        async def altered(scope: Scope, receive: Receive, send: Send) -> None:
            answer: list[Message] = []

            async def keep(message: Message) -> None:
                answer.append(message)

            if scope["type"] != "http":
                await app(scope, receive, send)
                return
            await app(scope, receive, keep)
            body = self._altered(b"".join(message.get("body", b"") for message in answer[1:]))
            headers = [(name, value) for name, value in answer[0]["headers"] if name != b"content-length"]
            await send({**answer[0], "headers": [*headers, (b"content-length", b"%d" % len(body))]})
            await send({"type": "http.response.body", "body": body})

        return altered

    def _altered(self, body: bytes) -> bytes:
        for text, other in self.texts.items():
            body = body.replace(text, other)
        return body
