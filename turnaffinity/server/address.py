"""Where is a server that somebody names? Its URL, taken apart, checked, and shown without its password."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import parse_qs, quote, unquote, urlsplit

from turnaffinity.problem import Problem

DEFAULT_PORT = 6379
"""The port of a URL that names none."""

EXAMPLES = "redis://127.0.0.1:6379/0 or unix:///run/redis.sock?db=0"


@dataclass(frozen=True, slots=True)
class Address:
    """One database of one server: a TCP `host` and `port`, or the `path` of a unix socket."""

    host: str = ""
    port: int = DEFAULT_PORT
    path: str = ""
    db: int = 0
    user: str = ""
    password: str = ""

    @property
    def url(self) -> str:
        """`redis://[user:password@]host:port/db`, or `unix://[user:password@]/path?db=N`."""
        secret = f"{quote(self.user, safe='')}:{quote(self.password, safe='')}@" if self.password else ""
        if self.path:
            return f"unix://{secret}{quote(self.path)}?db={self.db}"
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"redis://{secret}{host}:{self.port}/{self.db}"

    @property
    def shown(self) -> str:
        """The URL as a message may show it: without the password."""
        return replace(self, password="***").url if self.password else self.url

    @property
    def place(self) -> str:
        """The server without the database: "127.0.0.1:6379", or the socket's path."""
        return self.path or f"{self.host}:{self.port}"

    def connection(self) -> dict[str, Any]:
        """The keyword arguments that redis-py wants for this address."""
        secret = {"username": self.user or None, "password": self.password or None}
        if self.path:
            return {"unix_socket_path": self.path, "db": self.db, **secret}
        return {"host": self.host, "port": self.port, "db": self.db, **secret}


def parse_address(text: str) -> Address:
    """The address in `redis://[[user]:password@]host[:port][/db]` or `unix://[user:password@]/path[?db=N]`.

    Raises `Problem` (exit 2) that says which part is wrong.
    """
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError as error:
        raise _malformed(text, str(error)) from error
    if parts.scheme not in ("redis", "unix"):
        what = "TLS (rediss://) is not supported" if parts.scheme == "rediss" else "it begins with no known scheme"
        raise _malformed(text, what)
    user, password = unquote(parts.username or ""), unquote(parts.password or "")
    query = parse_qs(parts.query, keep_blank_values=True)
    if unknown := sorted(set(query) - {"db"}):
        raise _malformed(text, f'it has the parameter "{unknown[0]}", and only db is known')
    if parts.fragment:
        raise _malformed(text, f'"#{parts.fragment}" is no part of it (write %23 for # in a password)')
    db = query["db"][-1] if "db" in query else None
    if parts.scheme == "unix":
        if parts.hostname or not parts.path.strip("/"):
            raise _malformed(text, "a unix socket needs an absolute path, with three slashes")
        return Address(path=unquote(parts.path), db=_index(text, db), user=user, password=password)
    if not parts.hostname:
        raise _malformed(text, "it names no host")
    in_path = parts.path.strip("/") or None
    if in_path and db and in_path != db:
        raise _malformed(text, f"it names two databases, {in_path} and {db}")
    chosen = _index(text, in_path or db)
    return Address(host=parts.hostname, port=port or DEFAULT_PORT, db=chosen, user=user, password=password)


def _index(text: str, value: str | None) -> int:
    if value is None:
        return 0
    if not (value.isascii() and value.isdigit()):
        raise _malformed(text, f'"{value}" is no database index')
    return int(value)


def _malformed(text: str, what: str) -> Problem:
    shown = text
    head, at, tail = text.rpartition("@")
    if at:
        scheme, slashes, _ = head.partition("://")
        shown = f"{scheme}{slashes}***@{tail}"
    return Problem(f'server "{shown}"', f"this is no URL of a server: {what}", f"write it like {EXAMPLES}")
