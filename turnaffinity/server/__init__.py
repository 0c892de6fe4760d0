"""Which live server do we talk to? One way to get one, for the command line, the tests and the notebooks."""

from __future__ import annotations

import os

from turnaffinity.contract.layout import KeyLayout, load_layout
from turnaffinity.problem import Problem
from turnaffinity.server.address import parse_address
from turnaffinity.server.foreign import ForeignServer, clean_up
from turnaffinity.server.live import Server, token
from turnaffinity.server.started import FakeServer, StartedServer, binary_on_path, embedded_binary

__all__ = [
    "URL_VARIABLE", "Server", "address", "clean_up", "cluster", "clustered", "fitness", "footprint", "foreign", "live",
    "open_server", "parse_address", "process", "round_trip", "started", "token",
]  # fmt: skip
"""What other folders may import, modules too; the other modules are insides."""

URL_VARIABLE = "TURNAFFINITY_REDIS_URL"
"""The environment variable that names the server where no option does."""


def open_server(
    spec: str | None = None, *, layout: KeyLayout | None = None, seed: int = 0, tcp: bool = False
) -> Server:
    """A live server, as a context manager: `with open_server() as server: ...`.

    `spec` is "embedded" (a Valkey of our own), "redis" (`redis-server` or `valkey-server` from PATH), "fake"
    (fakeredis), "cluster" (three Valkey masters of our own, for a layout of one slot), or the URL of a server that is
    not ours ("redis://host:port/db", "unix:///path?db=N"). None means TURNAFFINITY_REDIS_URL, or "embedded" where that
    is not set. `seed` and `layout` say which keys on a server that is not ours are of our making. With `tcp` a server
    of ours listens on 127.0.0.1, and its URL says so.

    Raises `CannotRun` (exit 3) if there is no such server or it cannot be worked on, and `Problem` (exit 2) if the
    spec is none.
    """
    chosen = spec or os.environ.get(URL_VARIABLE) or "embedded"
    if chosen == "embedded":
        return StartedServer("embedded", embedded_binary(), tcp)
    if chosen == "redis":
        return StartedServer("redis", binary_on_path(), tcp)
    if chosen == "fake":
        return FakeServer()
    if chosen == "cluster":
        from turnaffinity.server.clustered import ClusterServer

        return ClusterServer(embedded_binary(), layout or KeyLayout())
    if "://" in chosen:
        return ForeignServer(parse_address(chosen), layout or load_layout(None), seed)
    known = "embedded, redis, fake, cluster, or a URL such as redis://127.0.0.1:6379/0"
    raise Problem(f'server "{chosen}"', "there is no server of this name", f"use one of: {known}")
