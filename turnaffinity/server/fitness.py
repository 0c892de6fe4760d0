"""Can we work on this server? What it is, whether it is new enough, and a sentence for each way in which it is not."""

from __future__ import annotations

import errno
import socket
from collections.abc import Mapping
from contextlib import closing
from typing import Any, NamedTuple

import hiredis

from turnaffinity.problem import CannotRun
from turnaffinity.server.address import Address

OLDEST = {"Redis": (7, 0), "Valkey": (8,)}
"""The oldest versions that we work on."""

PROBE_TIMEOUT_S = 3.0
"""How long a server may take to accept a connection, and to answer one command, in seconds."""

EMBEDDED = "or leave --server out for the embedded Valkey"

REPLIES: tuple[tuple[str, str, str], ...] = (
    ("NOAUTH", "it wants a password", "put it into the URL: redis://user:password@host:port/db"),
    ("WRONGPASS", "it does not accept this user and password", "correct them in the URL"),
    ("ERR invalid password", "it does not accept this password", "correct it in the URL"),
    ("without any password configured", "it has no password, and the URL names one", "leave it out of the URL"),
    ("NOPERM", "this user may not do what we need", "use a user with: ACL SETUSER name +@all ~*"),
    ("ACL failure", "this user may not do in a script what we need", "use a user with: ACL SETUSER name +@all ~*"),
    ("READONLY", "it is a read-only replica", "name its primary instead"),
    ("MASTERDOWN", "it is a replica that has lost its primary", "name the primary instead"),
    (
        "OOM",
        "it is full: maxmemory is reached and nothing may be evicted",
        "raise maxmemory, or name an emptier server",
    ),
    ("LOADING", "it is still loading its data", "try again when it is done"),
    ("MISCONF", "it takes no writes since it cannot save to its disk", f"mend its disk, {EMBEDDED}"),
    ("NOREPLICAS", "it takes no writes since it lacks replicas", f"start them, {EMBEDDED}"),
    ("DB index is out of range", "it has no database of this index", "name one that it has, such as /0"),
    ("max number of clients", "it has as many clients as it takes", "raise maxclients, or close some"),
    ("DENIED", "it runs in protected mode and takes clients of its own machine only", "give it a password"),
    ("CLUSTER", "it is a node of a Redis Cluster", "use --server cluster, or name a server of one node"),
    ("MOVED", "it is a node of a Redis Cluster", "use --server cluster, or name a server of one node"),
    ("BUSY", "it is busy with a script that does not end", "send it SCRIPT KILL, or start it anew"),
)
"""What stands in an error reply, what that means, and how to mend it; the first that fits is taken."""


class Found(NamedTuple):
    """What a server turned out to be."""

    name: str
    version: tuple[int, ...]
    can_monitor: bool


def identify(info: Mapping[str, Any], where: str) -> tuple[str, tuple[int, ...]]:
    """Name and version from INFO's server section: ("Valkey 9.1.2", (9, 1, 2)).

    Raises `CannotRun` if the server is too old: Redis before 7.0, Valkey before 8.
    """
    product = "Valkey" if "valkey_version" in info or info.get("server_name") == "valkey" else "Redis"
    text = str(info.get("valkey_version") or info.get("redis_version") or "")
    version = tuple(int(part) for part in text.split(".") if part.isdigit())
    if version < OLDEST[product]:
        oldest = ".".join(map(str, OLDEST[product]))
        raise CannotRun(
            where,
            f"{product} {text or 'of an unknown version'} is too old",
            f"use {product} {oldest} or newer, {EMBEDDED}",
        )
    return f"{product} {text}", version


def examine(address: Address) -> Found:
    """What stands at this address; nothing on it is changed.

    Sends PING, AUTH, INFO, SELECT, and MONITOR on a connection of its own. Raises `CannotRun` with a sentence if there
    is no server, no Redis, none that lets us in, or none that we can work on.
    """
    with closing(Probe(address)) as probe:
        probe.ask("PING", may_answer=("NOAUTH", "NOPERM"))
        probe.enter()
        info = parse_info(probe.ask("INFO"))
        name, version = identify(info, address.shown)
        _refuse_other_roles(info, address)
        probe.ask("SELECT", str(address.db))
    with closing(Probe(address)) as probe:
        probe.enter()
        can_monitor = not isinstance(probe.ask("MONITOR", may_answer=("",)), hiredis.ReplyError)
    return Found(name, version, can_monitor)


def rehearse(address: Address, keys: list[str]) -> None:
    """Try on each of these keys, which have to be new, what the kit will do on others of its prefix; then delete it.

    Raises `CannotRun` if the server refuses: no permission, full, read-only.
    """
    with closing(Probe(address)) as probe:
        probe.enter()
        probe.ask("SELECT", str(address.db))
        for key in keys:
            try:
                for argv in _rehearsal(key):
                    probe.ask(*argv)
            finally:
                probe.ask("DEL", key, may_answer=("",))


def _rehearsal(key: str) -> list[tuple[str, ...]]:
    # DEL comes first: who may not delete must not begin to write
    return [
        ("DEL", key), ("SET", key, "x", "EX", "3600"), ("GET", key), ("PTTL", key), ("TYPE", key), ("DEL", key),
        ("SADD", key, "x"), ("SMEMBERS", key), ("SREM", key, "x"),
        ("HSET", key, "x", "x"), ("HGET", key, "x"), ("HGETALL", key), ("HDEL", key, "x"), ("EXISTS", key),
        ("EVAL", "return redis.call('HSET', ARGV[1], 'x', 'x')", "0", key), ("SCRIPT", "LOAD", "return 1"),
    ]  # fmt: skip


def parse_info(reply: Any) -> dict[str, str]:
    """The lines `name:value` of an INFO reply."""
    text = bytes(reply).decode("utf-8", "replace")
    return dict(line.split(":", 1) for line in text.splitlines() if ":" in line and not line.startswith("#"))


def _refuse_other_roles(info: Mapping[str, str], address: Address) -> None:
    if info.get("redis_mode") == "sentinel":
        raise CannotRun(address.shown, "it is a Sentinel, which keeps no data", "name the primary that it watches")
    if info.get("cluster_enabled") == "1" or info.get("redis_mode") == "cluster":
        raise refusal(address, "CLUSTER")
    if info.get("role") == "slave":
        primary = f"{info.get('master_host')}:{info.get('master_port')}"
        raise CannotRun(address.shown, "it is a replica, which takes no writes", f"name its primary, {primary}")


def refusal(address: Address, reply: str) -> CannotRun:
    """The sentence for an error reply of the server."""
    for sign, what, mend in REPLIES:
        if sign in reply:
            said = "" if reply == sign else f" ({reply})"
            return CannotRun(address.shown, what + said, mend)
    return CannotRun(address.shown, f"it answered: {reply}", f"name another server, {EMBEDDED}")


class Probe:
    """One bare connection, which shows error replies in full; a client library hides their first word."""

    def __init__(self, address: Address) -> None:
        self._address = address
        self._reader = hiredis.Reader()
        try:
            self._socket = self._connect()
        except OSError as error:
            raise self._no_connection(error) from error

    def close(self) -> None:
        """Close the connection."""
        self._socket.close()

    def enter(self) -> None:
        """Say user and password, if the address has one. AUTH."""
        if self._address.password:
            self.ask("AUTH", *filter(None, (self._address.user, self._address.password)))

    def ask(self, *argv: str, may_answer: tuple[str, ...] = ()) -> Any:
        """The reply to one command. Raises `CannotRun` for an error reply that begins with none of `may_answer`."""
        parts = [part.encode("utf-8", "surrogateescape") for part in argv]
        packed = b"*%d\r\n" % len(parts) + b"".join(b"$%d\r\n%s\r\n" % (len(part), part) for part in parts)
        reply = self._exchange(packed)
        if isinstance(reply, hiredis.ReplyError) and not str(reply).startswith(may_answer or ("\0",)):
            raise refusal(self._address, str(reply))
        return reply

    def _exchange(self, packed: bytes) -> Any:
        heard = b""
        try:
            self._socket.sendall(packed)
            while (reply := self._reader.gets()) is False:
                data = self._socket.recv(65536)
                if not data:
                    break
                heard += data
                self._reader.feed(data)
            else:
                return reply
        except hiredis.ProtocolError as error:
            said = heard.splitlines()[0][:60].decode("utf-8", "replace") if heard.strip() else ""
            raise self._no_redis(f'it answered "{said}"') from error
        except TimeoutError as error:
            what = f"it takes connections, and does not answer within {PROBE_TIMEOUT_S:g} s"
            raise CannotRun(self._address.shown, what, f"see whether it hangs or is stopped, {EMBEDDED}") from error
        except OSError as error:
            raise self._no_redis(f"it broke the connection ({error.strerror})") from error
        raise self._no_redis("it closed the connection without an answer")

    def _connect(self) -> socket.socket:
        if not self._address.path:
            return socket.create_connection((self._address.host, self._address.port), PROBE_TIMEOUT_S)
        connection = socket.socket(socket.AF_UNIX)
        connection.settimeout(PROBE_TIMEOUT_S)
        try:
            connection.connect(self._address.path)
        except BaseException:
            connection.close()
            raise
        return connection

    def _no_redis(self, what: str) -> CannotRun:
        return CannotRun(self._address.shown, f"this is no Redis: {what}", f"name a Redis or Valkey, {EMBEDDED}")

    def _no_connection(self, error: OSError) -> CannotRun:
        what = {
            errno.ECONNREFUSED: "nobody listens there",
            errno.ENOENT: "there is no such socket",
            errno.ENOTSOCK: "this file is no socket",
            errno.EACCES: "we may not use this socket",
        }.get(error.errno or 0, f"it cannot be reached ({error.strerror or error})")
        if isinstance(error, TimeoutError):
            what = f"it takes no connection within {PROBE_TIMEOUT_S:g} s"
        if isinstance(error, socket.gaierror):
            what = f'there is no host "{self._address.host}"'
        return CannotRun(self._address.shown, what, f"start a server there, {EMBEDDED}")
