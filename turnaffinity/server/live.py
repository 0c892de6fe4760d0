"""What is a live server to those who use it? Clients, an empty database between cases, and an end."""

from __future__ import annotations

import atexit
import contextlib
import functools
import hashlib
import inspect
import os
import sys
from types import TracebackType
from typing import Any, Self

import redis
from hiredis import pack_command
from redis.backoff import NoBackoff
from redis.connection import HiredisRespSerializer
from redis.retry import Retry

from turnaffinity.problem import CannotRun, Problem
from turnaffinity.server.address import Address
from turnaffinity.server.interrupts import interrupts_deferred

REPLY_TIMEOUT_S = 10.0
"""How long a client waits for one reply, in seconds, unless it is told otherwise."""

CONNECT_TIMEOUT_S = 3.0
"""How long a client waits for a connection, in seconds."""

_LETTERS = "abcdefghijklmnopqrstuvwxyz"
_SIGNS = _LETTERS + "0123456789"


@functools.cache
def token(seed: int) -> str:
    """The eight letters and digits by which a run's names are recognised: a letter, then seven of [a-z0-9].

    The same seed gives the same token on every machine.
    """
    number = int.from_bytes(hashlib.sha256(f"turnaffinity {seed}".encode()).digest(), "big")
    number, first = divmod(number, len(_LETTERS))
    text = _LETTERS[first]
    for _ in range(7):
        number, sign = divmod(number, len(_SIGNS))
        text += _SIGNS[sign]
    return text


def user_of(seed: int) -> str:
    """The name of the ACL user that a run with this seed makes, where it makes one."""
    return f"turnaffinity-{token(seed)}"


def connect(address: Address, decode: bool = True, timeout_s: float | None = REPLY_TIMEOUT_S) -> redis.Redis:
    """A client of this address that sends nothing twice, and no greeting of its own (RESP2, no CLIENT SETINFO)."""
    client = redis.Redis(
        **address.connection(),
        **client_options(decode),
        socket_timeout=timeout_s,
        socket_connect_timeout=CONNECT_TIMEOUT_S,
    )
    return prepared(client)


def prepared(client: redis.Redis) -> redis.Redis:
    """The client, made to send texts with surrogate escapes."""
    client.connection_pool.connection_kwargs["command_packer"] = _Packer()
    return client


def pinned(client: redis.Redis) -> redis.Redis:
    """The client, made to keep one connection, if it is a live server's: a pool costs more than the command it serves.

    For one thread alone. A connection that broke is opened again by the next command.
    """
    if type(client) is redis.Redis:
        client.connection = client.connection_pool.get_connection()
    return client


class _Packer(HiredisRespSerializer):
    """Packs texts with surrogate escapes too: hiredis alone encodes strictly, whatever the client was told."""

    def pack(self, *args: Any) -> list[bytes]:
        try:
            if type(args[0]) is str and " " not in args[0]:
                # most commands as they are; what redis-py does first, with each argument, takes longer than the packing
                return [pack_command(args)]
            packed: list[bytes] = super().pack(*args)
        except (TypeError, UnicodeEncodeError):  # what cannot be sent at all, redis-py refuses in its own words
            octets: list[Any] = [p.encode("utf-8", "surrogateescape") if isinstance(p, str) else p for p in args]
            packed = super().pack(*octets)
        return packed


def client_options(decode: bool) -> dict[str, Any]:
    """What every client has in common: texts as UTF-8 with surrogate escapes, no retry, no greeting."""
    return {
        "decode_responses": decode,
        "encoding": "utf-8",
        "encoding_errors": "surrogateescape",
        # a command that is sent again by the library would count twice on the wire
        "retry": Retry(NoBackoff(), 0),
        "protocol": 2,
        **_UNANNOUNCED,
    }


_UNANNOUNCED: dict[str, None] = (
    {"driver_info": None}
    if "driver_info" in inspect.signature(redis.Redis).parameters
    else {"lib_name": None, "lib_version": None}
)
"""What keeps redis-py from sending CLIENT SETINFO, in whatever version of it."""


class Server:
    """A live server; a context manager. Made by `open_server`, closed with everything that it gave out."""

    kind: str = ""
    """One of "embedded", "redis", "fake", "cluster", "url"."""
    ours: bool = True
    """Whether we started it: then it may be emptied, killed and started anew."""
    can_monitor: bool = True
    """Whether MONITOR can be used on it."""
    name: str = ""
    """As a report names it: "Valkey 9.1.2"."""
    version: tuple[int, ...] = ()
    """The version in numbers: (9, 1, 2)."""
    url: str = ""
    """What an adapter gets: redis://[user:password@]host:port/db, or unix:///path?db=N."""

    def __init__(self) -> None:
        self._clients: list[redis.Redis] = []
        self._supported: dict[str, bool] = {}
        self._clearing: redis.Redis | None = None
        self._owner = os.getpid()
        self._closed = False
        atexit.register(self._close_at_exit)

    @property
    def endpoints(self) -> tuple[str, ...]:
        """The URLs of all nodes; one, but for a cluster."""
        return (self.url,)

    def client(self, decode: bool = True, *, timeout_s: float | None = REPLY_TIMEOUT_S) -> redis.Redis:
        """A new client, closed with the server; texts if `decode`, else bytes.

        Waits at most `timeout_s` seconds for a reply (None: for ever). Sends no command twice.
        """
        client = self._connect(decode, timeout_s)
        self._clients.append(client)
        return client

    def clear(self) -> None:
        """Make the database empty of what we made. Ours: FLUSHALL."""
        if self._clearing is None:  # once for each case: a connection of its own each time would be most of it
            self._clearing = pinned(self.client(False))
        self._clearing.flushall()

    def claim(self, *ids: str) -> None:
        """Note turn ids and job ids that an implementation made up; on a server of ours nothing depends on it."""

    def restart(self) -> None:
        """Kill the server and start it anew at the same address; its data is gone. Ours only."""
        raise CannotRun(f"server {self.kind}", "it cannot be started anew", "use --server embedded or --server redis")

    def supports(self, command: str) -> bool:
        """Whether the server knows this command ("HSETEX"). COMMAND INFO, asked once."""
        name = command.upper()
        if name not in self._supported:
            with self._connect(True, REPLY_TIMEOUT_S) as client:
                self._supported[name] = _knows(client, name)
        return self._supported[name]

    def close(self) -> None:
        """Let go of the server: every client, then the server itself if it is ours. Twice is no error."""
        if self._closed or os.getpid() != self._owner:
            return
        try:
            with interrupts_deferred():
                self._closed = True
                atexit.unregister(self._close_at_exit)
                self._disconnect()
                self._end()
        finally:
            self._after_end()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _close_at_exit(self) -> None:
        try:
            self.close()
        except Problem as problem:
            print(f"error: {problem}", file=sys.stderr)

    def _connect(self, decode: bool, timeout_s: float | None) -> redis.Redis:
        raise NotImplementedError

    def _disconnect(self) -> None:
        for client in self._clients:
            # a connection that broke is closed well enough
            with contextlib.suppress(redis.RedisError, OSError):
                client.close()

    def _end(self) -> None:
        """What close() does after the clients are closed; Ctrl-C waits for it."""

    def _after_end(self) -> None:
        """What close() does last, however it went."""


def _knows(client: redis.Redis, name: str) -> bool:
    # under its own name the reply would be parsed as that of COMMAND, which chokes on an unknown command's nil
    client.response_callbacks.pop("COMMAND", None)
    reply: Any = client.execute_command("COMMAND", "INFO", name.lower())  # type: ignore[no-untyped-call]
    return bool(reply) and reply[0] is not None
