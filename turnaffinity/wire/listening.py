"""How do we listen to a running system? A MONITOR connection, what it costs, and a recording of it."""

from __future__ import annotations

import socket
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import redis

from turnaffinity.catalogs import preferred_language, told
from turnaffinity.problem import CannotRun
from turnaffinity.server.address import Address, parse_address

PATIENCE_S = 0.2
"""How long a read waits, so that a limit of time is kept on a silent server."""
PINGS = 25


def monitor_socket(address: Address) -> socket.socket:
    """A socket on which a server sends what it runs. Sends AUTH where the URL has a password, then MONITOR.

    Raises `CannotRun` (exit 3) with the server's own words if it refuses.
    """
    try:
        if address.path:
            connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            connection.settimeout(5.0)
            connection.connect(address.path)
        else:
            connection = socket.create_connection((address.host, address.port), timeout=5.0)
        if address.password:
            secret = [address.user, address.password] if address.user else [address.password]
            _ask(connection, "AUTH", *secret)
        _ask(connection, "MONITOR")
        connection.settimeout(PATIENCE_S)
    except OSError as error:
        reason = error.strerror or str(error) or "no answer"
        raise CannotRun(
            address.place, f"the server cannot be reached: {reason}", "start it, or name another"
        ) from error
    return connection


def _ask(connection: socket.socket, *words: str) -> None:
    parts = [f"*{len(words)}\r\n".encode()]
    for word in words:
        data = word.encode()
        parts.append(b"$%d\r\n%s\r\n" % (len(data), data))
    connection.sendall(b"".join(parts))
    answer = b""
    # byte by byte: what follows the answer to MONITOR is traffic already
    while not answer.endswith(b"\r\n"):
        byte = connection.recv(1)
        if not byte:
            raise ConnectionResetError(104, "the server closed the connection")
        answer += byte
    if not answer.startswith(b"+"):
        told = answer.decode("utf-8", "replace").strip().lstrip("-")
        raise CannotRun("MONITOR", f"the server refuses {words[0]}: {told}", "name a user in the URL who may MONITOR")


@dataclass(frozen=True, slots=True)
class Cost:
    """What MONITOR costs a server: the round trip of PING in µs, and the commands it runs per second."""

    before_us: float
    during_us: float | None
    ops_per_s: int

    def sentence(self) -> str:
        """For the user, before the start or at the end."""
        if self.during_us is None:
            return (
                f"MONITOR makes the server copy every command to us; it runs {self.ops_per_s:,} commands a second "
                f"now and answers PING in {self.before_us:.0f} µs"
            )
        change = 100 * (self.during_us / self.before_us - 1) if self.before_us else 0.0
        return f"PING took {self.before_us:.0f} µs before and {self.during_us:.0f} µs while recording ({change:+.0f} %)"


class CostMeter:
    """Measures a server before and while it is monitored; sends INFO once and PING some times."""

    def __init__(self, address: Address) -> None:
        self._client: Any = redis.Redis(**address.connection(), socket_timeout=5.0)
        try:
            self.before_us = self._median_us()
            self.ops_per_s = int(self._client.info("stats").get("instantaneous_ops_per_sec", 0))
        except redis.RedisError as error:
            what = f"the server does not answer: {error}"
            raise CannotRun(address.place, what, "start it, or name another") from error

    def before(self) -> Cost:
        """The cost announced before the start."""
        return Cost(self.before_us, None, self.ops_per_s)

    def during(self) -> Cost | None:
        """The cost measured now; None if the server does not answer."""
        try:
            return Cost(self.before_us, self._median_us(), self.ops_per_s)
        except redis.RedisError:
            return None

    def _median_us(self) -> float:
        times = []
        for _ in range(PINGS):
            start = time.perf_counter()
            self._client.ping()
            times.append(1e6 * (time.perf_counter() - start))
        return statistics.median(times)

    def close(self) -> None:
        """Let go of the connection."""
        self._client.close()


def connector(url: str) -> Callable[[], socket.socket]:
    """A function that opens a MONITOR connection to a URL; raises `Problem` at once for a URL that is none."""
    address = parse_address(url)
    return lambda: monitor_socket(address)


def default_url() -> str:
    """TURNAFFINITY_REDIS_URL, or the usual place of a Redis."""
    import os

    return os.environ.get("TURNAFFINITY_REDIS_URL") or "redis://127.0.0.1:6379/0"


def say(text: str) -> None:
    """A line for the user, on stderr, in their language."""
    sys.stderr.write(told(text, preferred_language()) + "\n")
