"""What did the subject send? MONITOR, read between two markers of the judge's own."""

from __future__ import annotations

import secrets
import socket
import time
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from turnaffinity.problem import CannotRun
from turnaffinity.server import Server
from turnaffinity.server.live import pinned
from turnaffinity.server.round_trip import one_trip
from turnaffinity.stage.state import LOOK
from turnaffinity.wire.command import Command
from turnaffinity.wire.monitor import parse_line

MARK = "turnaffinity:mark:"
SETUP = frozenset({"HELLO", "CLIENT", "AUTH", "SELECT", "COMMAND", "INFO", "PING", "QUIT", "ECHO", "READONLY"})
"""Commands that set up a connection or tell nothing about the contract; left out of the evidence."""

RESTS_AFTER = 3
"""After so many steps in a row that nobody watches the connection is let go, until somebody watches again."""

MOST_BYTES = 8 << 20
"""More than this in one step is a flood, and not read to its end."""


class _Lost(Exception):
    """The step's commands cannot be seen; str() says why."""


def without_our_looks(commands: Iterable[Command]) -> Iterator[Command]:
    """The commands without the judge's own look at the database, and without what ran inside it.

    The marks keep the judge's commands out already; its look is told from any other script should one come between.
    """
    ours = False
    for command in commands:
        if not command.inside_script:
            ours = command.argv[:2] == LOOK[:2]
        if not ours:
            yield command


class Observer:
    """A MONITOR connection of the judge's; `begin` and `end` bracket one step.

    Sends MONITOR once, and ECHO with a marker at each end of a step: two round trips a step. The judge itself
    is silent between the markers, so that everything between them is the subject's. The first of
    the two costs no round trip of its own where the judge's latest commands ended with it (`opening`).
    """

    def __init__(self, server: Server, patience_s: float = 10.0) -> None:
        self._server = server
        self._client: Any = pinned(server.client())
        self._patience_s = patience_s
        monitoring: Any = server.client(timeout_s=None)
        self._connection = monitoring.connection_pool.get_connection()
        self._disturbed = True
        self._opening = b""
        self._in_a_row = 0
        self.lost = ""
        """Why the commands of the last step could not be seen, or empty where they could."""
        self._db = int(self._connection.db)
        self._listen()

    def _listen(self) -> None:
        self._buffer = bytearray()  # not bytes: after many unwatched draws it grows to megabytes
        self._connection.disconnect()
        self._connection.connect()
        self._connection.send_command("MONITOR")
        self._connection.read_response()
        self._socket: socket.socket = self._connection._sock
        self._socket.settimeout(self._patience_s)

    def disturb(self) -> None:
        """Others than the subject may have sent commands since the last step: the next one begins with a mark."""
        self._disturbed, self._opening = True, b""

    def unwatched(self) -> None:
        """The subject acted in a step that nobody watches; from the third in a row on the server need not tell us.

        A server that has to show every command of a long script works twice as long.
        """
        self.disturb()
        self._in_a_row += 1
        if self._in_a_row == RESTS_AFTER:
            self._connection.disconnect()

    def opening(self) -> tuple[tuple[str, str], bytes]:
        """A command for the end of a trip of the judge's own, and what `opened_by` is told once it was sent."""
        text = f"{MARK}{secrets.token_hex(8)}"
        return ("ECHO", text), f'"ECHO" "{text}"'.encode()

    def opened_by(self, mark: bytes) -> None:
        """The server ran this opening, and nothing but the subject's own commands since."""
        self._disturbed, self._opening = True, mark

    def begin(self) -> None:
        """Open a step: what came before is dropped; no mark is needed where nobody but the subject acted meanwhile."""
        if self._disturbed or self._connection._sock is None:
            try:
                self._until(self._opening or self._mark())
            except _Lost:  # what comes before a step is of no interest
                self._listen()
                self._until(self._mark())
        self._disturbed, self._opening = False, b""
        self._in_a_row = 0

    def end(self) -> tuple[Command, ...]:
        """Close the step and return the subject's commands in the order the server ran them.

        None are returned, and `lost` says why, if they were too many, or our server was started anew meanwhile.
        """
        self.lost = ""
        try:
            lines = self._until(self._mark())
        except _Lost as lost:
            self.lost = str(lost)
            self.disturb()
            self._listen()
            return ()
        commands = (parse_line(line) for line in lines)
        seen = (c for c in commands if c is not None and c.db == self._db and c.name not in SETUP)
        return tuple(without_our_looks(seen))

    def _mark(self) -> bytes:
        # not to be guessed: else an implementation could echo the next one, and hide what it does behind it
        command, mark = self.opening()
        one_trip(self._client, [command])
        return mark

    def _until(self, mark: bytes) -> list[bytes]:
        if self._connection._sock is None:
            raise _Lost("the server was started anew meanwhile")
        start = 0
        while (at := self._buffer.find(mark, start)) < 0:
            start = max(0, len(self._buffer) - len(mark))
            if start > MOST_BYTES:
                raise _Lost(f"more than {MOST_BYTES >> 20} MiB of commands in one step")
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
        except OSError as error:
            raise _Lost(f"the connection broke ({error.strerror or error})") from error
        if not chunk and self._server.ours and self._buffer:
            raise _Lost(f"the server cut it off after {len(self._buffer)} bytes")
        if not chunk:
            what = f"the server closed the connection, or sent nothing for {self._patience_s:g} s"
            raise CannotRun("MONITOR", what, "run on a server of our own")
        return chunk

    def runs(self, argv: Sequence[str], seconds: float) -> bool:
        """Whether the server is at this call of a script: nothing but the script's own commands was begun since.

        Waits up to `seconds` for the sign of it; the step that is under way cannot be closed afterwards.
        """
        until = time.monotonic() + seconds
        running = False
        self._socket.settimeout(0.2)
        while time.monotonic() < until:
            whole, _, rest = bytes(self._buffer).rpartition(b"\n")
            begun = [c for line in whole.splitlines() if (c := parse_line(line)) and not c.inside_script]
            running = begun[-1].argv == tuple(argv) if begun else running
            self._buffer = bytearray(rest)
            try:
                chunk = self._socket.recv(1 << 20)
            except TimeoutError:
                if running:
                    return True
                continue
            except OSError:
                return False
            if not chunk:
                return False
            self._buffer += chunk
        return running

    def close(self) -> None:
        """Let go of the MONITOR connection."""
        self._connection.disconnect()
