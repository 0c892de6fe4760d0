"""What did the subject send? MONITOR, read between two markers of the judge's own."""

from __future__ import annotations

import itertools
import socket
from typing import Any

from turnaffinity.problem import CannotRun
from turnaffinity.server import Server
from turnaffinity.wire.command import Command
from turnaffinity.wire.monitor import parse_line

MARK = "turnaffinity:mark:"
SETUP = frozenset({"HELLO", "CLIENT", "AUTH", "SELECT", "COMMAND", "INFO", "PING", "QUIT", "ECHO", "READONLY"})
"""Commands that set up a connection or tell nothing about the contract; left out of the evidence."""


class Observer:
    """A MONITOR connection of the judge's; `begin` and `end` bracket one step.

    Sends MONITOR once, and ECHO with a marker at each end of a step: two round trips a step. The judge itself
    is silent between the markers, so that everything between them is the subject's (DESIGN, section 9).
    """

    def __init__(self, server: Server, patience_s: float = 10.0) -> None:
        self._client: Any = server.client()
        self._patience_s = patience_s
        self._numbers = itertools.count(1)
        monitoring: Any = server.client(timeout_s=None)
        self._connection = monitoring.connection_pool.get_connection()
        self._connection.send_command("MONITOR")
        self._connection.read_response()
        self._socket: socket.socket = self._connection._sock
        self._socket.settimeout(patience_s)
        self._buffer = bytearray()  # not bytes: after many unwatched draws it grows to megabytes
        self.disturbed = True
        """Whether others than the subject may have sent commands since the last step."""
        self._db = int(self._connection.db)

    def begin(self) -> None:
        """Open a step: what came before is dropped; no mark is needed where nobody but the subject acted meanwhile."""
        if self.disturbed:
            self._until(self._mark())
        self.disturbed = False

    def end(self) -> tuple[Command, ...]:
        """Close the step and return the subject's commands in the order the server ran them."""
        lines = self._until(self._mark())
        commands = (parse_line(line) for line in lines)
        return tuple(c for c in commands if c is not None and c.db == self._db and c.name not in SETUP)

    def _mark(self) -> bytes:
        text = f"{MARK}{next(self._numbers)}"
        self._client.echo(text)
        return f'"ECHO" "{text}"'.encode()

    def _until(self, mark: bytes) -> list[bytes]:
        start = 0
        while (at := self._buffer.find(mark, start)) < 0:
            start = max(0, len(self._buffer) - len(mark))
            self._buffer += self._more()
        line_start = self._buffer.rfind(b"\n", 0, at) + 1
        line_end = self._buffer.index(b"\n", at) if self._buffer.find(b"\n", at) >= 0 else self._rest_of_line(at)
        lines = bytes(self._buffer[:line_start]).splitlines()
        del self._buffer[: line_end + 1]
        return lines

    def _rest_of_line(self, at: int) -> int:
        while self._buffer.find(b"\n", at) < 0:
            self._buffer += self._more()
        return self._buffer.index(b"\n", at)

    def _more(self) -> bytes:
        try:
            chunk = self._socket.recv(1 << 20)
        except TimeoutError:
            chunk = b""
        if not chunk:
            what = f"the server closed the connection, or sent nothing for {self._patience_s:g} s"
            raise CannotRun("MONITOR", what, "run on a server of our own")
        return chunk

    def close(self) -> None:
        """Let go of the MONITOR connection."""
        self._connection.disconnect()
