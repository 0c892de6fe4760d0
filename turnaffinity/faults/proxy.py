"""What stands between an implementation and its server, and breaks what passes? A RESP proxy with faults by position.

Commands are counted from 1 over all connections, set-up commands apart (`proxy_faults.SETUP_COMMANDS`), so that the
same scenario has the same positions in every run. What is not to be broken passes unchanged, in order, in constant
memory: RESP2 and RESP3, pipelines, transactions, scripts, pub/sub. After SUBSCRIBE in RESP2, MONITOR or CLIENT REPLY
replies no longer pair with requests: from there on error replies are said at once instead of in their turn.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import tempfile
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import TypeVar

from turnaffinity.faults.kinds import SETUP_COMMANDS, Fault, Seen
from turnaffinity.faults.link import Link, Side
from turnaffinity.faults.resp import Request
from turnaffinity.problem import CannotRun
from turnaffinity.server.address import Address, parse_address

T = TypeVar("T")
Decide = Callable[[tuple[str, ...]], Fault | None]
"""Given a command's argv: what is done to it, or None."""


class FaultProxy:
    """A proxy to one server, as a context manager: `with FaultProxy(server.url) as proxy: ... proxy.url`.

    It listens on a private unix socket, or with `tcp` on a free port of 127.0.0.1; `url` carries the upstream's
    database, user and password. It runs in a thread of its own. Nothing is counted or broken before `arm`.
    Raises `CannotRun` if it cannot listen. An unreachable server shows as connections that are closed at once.
    """

    def __init__(self, upstream: str, *, tcp: bool = False) -> None:
        self._upstream = parse_address(upstream)
        self._tcp = tcp
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._address = self._upstream
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="fault-proxy", daemon=True)
        self._links: set[Link] = set()
        self._connections = 0
        self._armed = False
        self._position = 0
        self._faults: dict[int, Fault] = {}
        self._decide_fault: Decide | None = None
        self._seen: list[tuple[int, int, Request, Fault | None]] = []
        self._listener: asyncio.Server | None = None

    @property
    def url(self) -> str:
        """Where a client connects instead of to the server."""
        return self._address.url

    @property
    def commands(self) -> list[Seen]:
        """All commands since `arm`, set-up commands too, in the order in which they reached the proxy."""
        return self._call(
            lambda: [Seen(position, connection, tuple(r.argv), fault) for position, connection, r, fault in self._seen]
        )

    @property
    def counted(self) -> list[Seen]:
        """The commands that have a position, in order: `counted[0].position == 1`."""
        return [seen for seen in self.commands if seen.position]

    def arm(self, faults: Mapping[int, Fault] | None = None, decide: Decide | None = None) -> None:
        """Forget what was seen and injected, count from 1, and inject `faults` by position.

        `decide` is asked about each counted command that has no fault by position, in the proxy's own thread.
        """

        def _arm() -> None:
            self._armed, self._position = True, 0
            self._decide_fault = decide
            self._faults = dict(faults or {})
            self._seen = []

        self._call(_arm)

    def inject(self, at: int, fault: Fault) -> None:
        """Besides what was injected already, break the command at position `at` (from 1)."""
        self._call(lambda: self._faults.__setitem__(at, fault))

    def disarm(self) -> None:
        """Count and break nothing more; what was seen stays readable."""

        def _disarm() -> None:
            self._armed = False
            self._decide_fault = None
            self._faults = {}

        self._call(_disarm)

    def drop_connections(self) -> None:
        """Close all connections, as a server does that goes down; new ones are taken."""
        self._call(self._drop)

    def __enter__(self) -> FaultProxy:
        """Listen."""
        self._thread.start()
        try:
            asyncio.run_coroutine_threadsafe(self._listen(), self._loop).result()
        except OSError as error:
            self.close()
            what = f"cannot listen ({error.strerror or error})"
            raise CannotRun("fault proxy", what, "make room in the temporary folder, or use --tcp") from error
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close."""
        self.close()

    def close(self) -> None:
        """Close the listener and all connections, and end the thread; closing again does nothing."""
        if self._loop.is_closed():
            return
        asyncio.run_coroutine_threadsafe(self._close(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
        if self._folder is not None:
            self._folder.cleanup()

    async def _listen(self) -> None:
        if self._tcp:
            self._listener = await self._loop.create_server(self._accept, "127.0.0.1", 0)
            port = self._listener.sockets[0].getsockname()[1]
            self._address = replace(self._upstream, host="127.0.0.1", port=port, path="")
            return
        # whoever forgets to close the proxy, as a notebook may, leaves no folder either
        self._folder = tempfile.TemporaryDirectory(prefix="turnaffinity-proxy-", ignore_cleanup_errors=True)
        path = str(Path(self._folder.name) / "redis.sock")
        self._listener = await self._loop.create_unix_server(self._accept, path)
        self._address = replace(self._upstream, host="", path=path)

    def _accept(self) -> Side:
        self._connections += 1
        link = Link(functools.partial(self._decide, self._connections), self._links.discard)
        self._links.add(link)
        task = self._loop.create_task(self._connect(link))
        task.add_done_callback(lambda _: None)
        return link.client

    async def _connect(self, link: Link) -> None:
        try:
            await _open(self._loop, self._upstream, link)
        except OSError:
            link.close()
        else:
            link.connected()

    def _decide(self, connection: int, request: Request) -> Fault | None:
        if not self._armed:
            return None
        if request.name in SETUP_COMMANDS:
            self._seen.append((0, connection, request, None))
            return None
        self._position += 1
        fault = self._faults.get(self._position)
        if fault is None and self._decide_fault is not None:
            fault = self._decide_fault(tuple(request.argv))
        self._seen.append((self._position, connection, request, fault))
        return fault

    def _drop(self) -> None:
        for link in list(self._links):
            link.close()

    async def _close(self) -> None:
        if self._listener is not None:
            self._listener.close()
        self._drop()
        for task in asyncio.all_tasks(self._loop) - {asyncio.current_task(self._loop)}:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError, OSError):
                await task
        self._drop()
        await asyncio.sleep(0)  # closed transports call connection_lost in the next round

    def _call(self, function: Callable[[], T]) -> T:
        """Run it in the loop's thread, between two events."""
        if self._loop.is_closed() or not self._thread.is_alive():
            return function()
        done: Future[T] = Future()

        def _run() -> None:
            try:
                done.set_result(function())
            except BaseException as error:
                done.set_exception(error)

        self._loop.call_soon_threadsafe(_run)
        return done.result()


async def _open(loop: asyncio.AbstractEventLoop, address: Address, link: Link) -> None:
    if address.path:
        await loop.create_unix_connection(lambda: link.server, address.path)
    else:
        await loop.create_connection(lambda: link.server, address.host, address.port)


__all__ = ["FaultProxy", "Seen"]
