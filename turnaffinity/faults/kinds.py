"""What can go wrong between a scheduler and its server? The faults that the proxy injects, as data."""

from __future__ import annotations

from dataclasses import dataclass

SETUP_COMMANDS = frozenset(
    {"HELLO", "AUTH", "SELECT", "CLIENT", "COMMAND", "INFO", "PING", "QUIT", "RESET", "READONLY", "CLUSTER"}
)
"""Commands that set a connection up or look after it: always passed through, never counted as a position."""


@dataclass(frozen=True, slots=True)
class ErrorReply:
    """The command does not reach the server; `text` is answered in its place: "ERR injected", without the dash.

    Inside MULTI the command is then not queued and EXEC is answered EXECABORT, as by a server that refuses a command;
    on EXEC itself the transaction is discarded, and the answer is EXECABORT with the reason.
    """

    text: str = "ERR injected"


@dataclass(frozen=True, slots=True)
class CutBefore:
    """The connection is cut, and the command does not reach the server; replies to earlier ones are delivered."""


@dataclass(frozen=True, slots=True)
class CutAfter:
    """The server carries the command out; the connection is cut before the first byte of its reply is delivered."""


@dataclass(frozen=True, slots=True)
class CutMidReply:
    """The server carries the command out; half of its reply is delivered (of the first 64 KiB), then comes the cut."""


@dataclass(frozen=True, slots=True)
class Delay:
    """The command, and all that follows on its connection, goes on after `seconds`."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Silence:
    """No reply comes to the command nor to any later one of its connection, which stays open.

    `reaches_server`: whether the command (not the later ones) is carried out.
    """

    reaches_server: bool = False


Fault = ErrorReply | CutBefore | CutAfter | CutMidReply | Delay | Silence

INJECTED = ErrorReply("ERR injected")
LOADING = ErrorReply("LOADING Redis is loading the dataset in memory")
READONLY = ErrorReply("READONLY You can't write against a read only replica.")
OOM = ErrorReply("OOM command not allowed when used memory > 'maxmemory'.")
NOSCRIPT = ErrorReply("NOSCRIPT No matching script. Please use EVAL.")
BUSY = ErrorReply("BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE.")
MOVED = ErrorReply("MOVED 0 127.0.0.1:1")

ERROR_REPLIES: dict[str, ErrorReply] = {
    "injected": INJECTED,
    "loading": LOADING,
    "readonly": READONLY,
    "oom": OOM,
    "noscript": NOSCRIPT,
    "busy": BUSY,
    "moved": MOVED,
}
"""The error replies by a short name, in the server's own words."""


@dataclass(frozen=True, slots=True)
class Seen:
    """One command that passed the proxy since it was armed.

    `position` counts from 1 over all connections, 0 for a set-up command; `connection` counts connections from 1.
    `argv` holds texts (bytes that are no UTF-8 as surrogate escapes), cut after 4 KiB; `fault` is what was done to it.
    """

    position: int
    connection: int
    argv: tuple[str, ...]
    fault: Fault | None
