"""A cache in Redis, shared by all workers, of data that rarely changes in a remote system.

What is missing, damaged or of another version is read again. Values are encrypted, as they contain customers.
"""

import copy
from collections.abc import Collection, Mapping
from contextlib import suppress
from typing import Self, TypeVar
from uuid import uuid4

from cryptography.fernet import InvalidToken
from pydantic import TypeAdapter
from redis import Redis
from redis.exceptions import RedisError

from models.connections.vault import Vault

T = TypeVar("T")

VERSION = 2
"""Raise this when the shape of a value changes."""

PURPOSE = "cache"
"""The encryption purpose of values, together with their key and the number of a member."""

DROPPED_SECONDS = 900
"""How long a dropped value is remembered, for readers that began earlier; no read takes longer."""

PRIVATE_SECONDS = 600

COMPLETE = "complete"
"""The member of a collection that marks it as complete."""

CHUNK = 1000

STORE = """
if (redis.call('get', KEYS[1]) or '') ~= ARGV[1] then return 0 end
redis.call('set', KEYS[1], ARGV[2], 'EX', ARGV[3])
return 1
"""

UPDATE = """
if redis.call('hexists', KEYS[1], ARGV[1]) == 0 then return 0 end
for index = 2, #ARGV, 2 do redis.call('hset', KEYS[1], ARGV[index], ARGV[index + 1]) end
return 1
"""


class SharedCache:
    """Values and collections by name, of one connection or private.

    A value is stored only if no other worker has stored or dropped it since it was loaded, so that older data
    never replaces newer data. Collections are updated member by member. Nothing is raised while Redis is down.
    """

    def __init__(self, redis: Redis, vault: Vault) -> None:
        self._redis = redis
        self._vault = vault
        self._store, self._update = redis.register_script(STORE), redis.register_script(UPDATE)
        self._scope, self._max_seconds = "", PRIVATE_SECONDS

    def for_connection(self, connection_id: int, *, max_seconds: int = 7 * 24 * 3600) -> Self:
        twin = copy.copy(self)
        twin._scope, twin._max_seconds = f"cache:{connection_id}", max_seconds  # noqa: SLF001 - a copy of itself
        return twin

    def private(self) -> Self:
        """Return an empty cache that no other reader shares."""
        twin = copy.copy(self)
        twin._scope = f"cache:private:{uuid4()}"  # noqa: SLF001 - a copy of itself
        return twin

    def load(self, name: str, type_: TypeAdapter[T]) -> tuple[T | None, bytes]:
        """Return a value or None, and a token for storing another one."""
        try:
            stored = self._bytes(self._redis.get(self._key(name)))
        except RedisError:
            return None, b""
        return self._decode(stored, type_, self._key(name)), stored

    def store(self, name: str, value: T, type_: TypeAdapter[T], *, seen: bytes, seconds: int) -> None:
        key = self._key(name)
        with suppress(RedisError):
            self._store(keys=[key], args=[seen, self._encode(value, type_, key), self._ttl(seconds)])

    def drop(self, *names: str) -> None:
        """Make all workers read values again; a process may use its own copy for some more seconds."""
        with suppress(RedisError):
            for name in names:
                self._redis.set(self._key(name), f"dropped {uuid4()}", ex=DROPPED_SECONDS)

    def load_members(self, name: str, type_: TypeAdapter[T]) -> dict[int, T] | None:
        """Return a complete collection by the numbers of its members; None if a member is damaged."""
        try:
            stored = {
                self._bytes(each): self._bytes(v) for each, v in self._redis.hgetall(self._key(name)).items()
            }
            if stored.pop(COMPLETE.encode(), None) is None:
                return None
            members = {int(n): self._decode(value, type_, self._key(name), int(n)) for n, value in stored.items()}
        except (RedisError, ValueError):
            return None
        whole = {number: value for number, value in sorted(members.items()) if value is not None}
        return whole if len(whole) == len(members) else None

    def store_members(self, name: str, members: Mapping[int, T], type_: TypeAdapter[T], *, seconds: int) -> None:
        """Store a complete collection, even an empty one."""
        key = self._key(name)
        encoded = [(str(n), self._encode(each, type_, key, n)) for n, each in members.items()]
        with suppress(RedisError), self._redis.pipeline(transaction=True) as pipeline:
            pipeline.delete(key)
            for start in range(0, len(encoded), CHUNK):
                pipeline.hset(key, mapping=dict(encoded[start : start + CHUNK]))
            pipeline.hset(key, COMPLETE, "")
            pipeline.expire(key, self._ttl(seconds))
            pipeline.execute()

    def update_members(self, name: str, members: Mapping[int, T], type_: TypeAdapter[T]) -> None:
        """Store some members of a collection if it exists."""
        key = self._key(name)
        flat = [part for n, each in members.items() for part in (str(n), self._encode(each, type_, key, n))]
        with suppress(RedisError):
            for start in range(0, len(flat), CHUNK):
                self._update(keys=[key], args=[COMPLETE, *flat[start : start + CHUNK]])

    def drop_members(self, name: str, numbers: Collection[int]) -> None:
        if numbers:
            with suppress(RedisError):
                self._redis.hdel(self._key(name), *map(str, numbers))

    def drop_collection(self, name: str) -> None:
        with suppress(RedisError):
            self._redis.delete(self._key(name))

    def clear(self) -> None:
        """Drop everything of the connection, whatever client or login it was read with."""
        with suppress(RedisError):
            for key in self._redis.scan_iter(f"{self._scope}:*", count=CHUNK):
                self._redis.delete(key)

    def _key(self, name: str) -> str:
        return f"{self._scope}:{VERSION}:{name}"

    def _ttl(self, seconds: int) -> int:
        return min(seconds, self._max_seconds)

    def _encode(self, value: T, type_: TypeAdapter[T], *name: object) -> str:
        return self._vault.encrypt(type_.dump_json(value).decode(), PURPOSE, *name)

    def _decode(self, stored: bytes, type_: TypeAdapter[T], *name: object) -> T | None:
        """Decode a value that was stored under this name; return None for one from another name."""
        try:
            return type_.validate_json(self._vault.decrypt(stored.decode(), PURPOSE, *name))
        except (InvalidToken, ValueError):  # of pydantic too
            return None

    def _bytes(self, stored: object) -> bytes:
        return stored if isinstance(stored, bytes) else b""
