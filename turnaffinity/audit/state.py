"""What is known of a turn, a session, and of what the present unit did, and how much of it is remembered?"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

from turnaffinity.audit.findings import UUID_V4, Now

Key = TypeVar("Key")
Value = TypeVar("Value")

UNKNOWN = "\0unknown"
"""The open turn of a session of which too little was seen: what was not seen is not judged."""

READS_KEPT = 10_000
"""So many names of keys that were read are remembered, the latest ones."""
SESSIONS_KEPT = 100_000


@dataclass(slots=True)
class Turn:
    """A turn that is not closed, as far as the trace shows it."""

    id: str
    session: str | None = None
    recorded: bool | None = None
    """Whether an affinity stands recorded; None where the trace does not show it."""
    node: str = ""
    sought: str = ""
    """The node that was looked for in the lines around its write (TA-KEY-2)."""
    written_line: int = 0
    written_unit: int = -1
    opened_line: int = 0
    opened_at: str = ""
    """Where and when its affinity was written first."""
    deleted_line: int = 0
    deleted_unit: int = -1
    deleted_client: str = ""
    doubted: bool = False
    """Half cleared, and its session read since: a fallback clear may follow (TA-CLEAR-4)."""
    whole: bool = False
    """Both halves of a write were seen."""
    emptied: bool = False
    jobs: int = 0
    own_fields: set[str] | None = None


@dataclass(slots=True)
class Session:
    """A session as far as the trace shows it."""

    id: str
    turn: str | None = UNKNOWN
    pointed_line: int = 0
    pointed_unit: int = -1
    pointed_client: str = ""
    lacks_affinity: bool = False
    """The open turn was named, its affinity not yet recorded."""
    read_unit: int = -1
    reader: str = ""
    """Who asked for the open turn last."""
    watcher: str = ""
    left: str | None = None
    """A turn that is no longer named, its affinity not yet deleted."""
    left_line: int = 0
    left_unit: int = -1
    left_client: str = ""
    left_doubted: bool = False
    """The session was read since: a fallback clear may follow (TA-CLEAR-4)."""
    remains: tuple[str, int, str, str] | None = None
    """(turn, line, what keeps its key alive, client) after a close."""
    dropped_line: int = 0
    """A unix client deleted the whole hash where the clear was due; whose hand it was is not yet known."""


@dataclass(slots=True)
class UnitSeen:
    """What the present unit did so far."""

    turns_deleted: dict[str, tuple[int, str]] = field(default_factory=dict)
    """turn -> (line, text) of its deletion."""
    sessions_cleared: list[str] = field(default_factory=list)
    turns_read: dict[str, tuple[int, str]] = field(default_factory=dict)
    sessions_read: dict[str, tuple[int, str]] = field(default_factory=dict)
    written: list[str] = field(default_factory=list)
    """Turns whose affinity was written, and sessions that were told their open turn."""

    def begin(self) -> None:
        """A new unit did nothing yet."""
        if self.sessions_read:
            self.sessions_read = {}
        if self.written:
            self.written = []
        if self.turns_deleted or self.sessions_cleared:
            self.turns_deleted, self.sessions_cleared = {}, []
        if self.turns_read:
            self.turns_read = {}


def keep(known: dict[Key, Value], key: Key, value: Value, most: int) -> None:
    """Remember something among the latest, of which there are `most`."""
    known.pop(key, None)
    known[key] = value
    if len(known) > most:
        known.pop(next(iter(known)))


class Known:
    """The turns and sessions by their names; `remember` bounds how many turns."""

    def __init__(self, now: Now, remember: int) -> None:
        self.now = now
        self.turns: dict[str, Turn] = {}
        self.met: Callable[[str], None] = lambda turn_id: None
        """Told of each turn id where it is seen for the first time."""
        self._reads: dict[str, None] = {}
        self._selected: dict[str, None] = {}
        self.sessions: dict[str, Session] = {}
        self.closed: dict[int, int] = {}
        """hash of a turn -> the line where it was closed: some 110 bytes a turn."""
        self.no_hashes: dict[str, None] = {}
        """Keys named as a turn's or a session's that were taken for a string, a set or the like, the latest ones."""
        self.forgotten = 0
        self._remember = remember

    def key_of(self, name: str) -> str:
        """A turn or session id made unique over databases."""
        return name if self.now.db == "0" else f"{self.now.db}|{name}"

    def is_met(self, key: str) -> bool:
        """Whether this is a turn that is not closed, or one that somebody asked for."""
        return key in self.turns or key in self._reads or key in self._selected

    def _meet(self, key: str, turn_id: str) -> None:
        if not self.is_met(key):
            self.met(turn_id)

    def _new_turn(self, key: str, turn_id: str) -> Turn:
        self._meet(key, turn_id)
        turn = self.turns[key] = Turn(turn_id)
        if len(self.turns) > self._remember:
            self.turns.pop(next(iter(self.turns)))
            self.forgotten += 1
        return turn

    def is_turn(self, turn_id: str, key: str) -> bool:
        """Whether this key is a turn's: a lock or a queue may have a name that begins as turn keys do."""
        return self.is_surely_turn(turn_id) or self._is_plain(turn_id, key)

    def is_surely_turn(self, turn_id: str) -> bool:
        """Whether no key of another kind can have this turn's name: it was seen as a turn's, or is a UUID v4."""
        key = self.key_of(turn_id)
        return self.is_met(key) or hash(key) in self.closed or bool(UUID_V4.fullmatch(turn_id.lower()))

    def is_session(self, session_id: str, key: str) -> bool:
        """Whether this key is a session's hash, as `is_turn`."""
        return self.key_of(session_id) in self.sessions or self._is_plain(session_id, key)

    def _is_plain(self, name: str, key: str) -> bool:
        return ":" not in name and key not in self.no_hashes

    def session(self, session_id: str) -> Session:
        """What is known of a session of the present database."""
        key = self.key_of(session_id)
        session = self.sessions.get(key)
        if session is None:
            session = self.sessions[key] = Session(key)
            if len(self.sessions) > 2 * SESSIONS_KEPT:
                self._drop_idle_sessions()
        return session

    def _drop_idle_sessions(self) -> None:
        idle = [
            key
            for key, session in self.sessions.items()
            if session.turn in (None, UNKNOWN) and not (session.left or session.remains or session.dropped_line)
        ]
        for key in idle[: len(idle) // 2 + 1]:
            del self.sessions[key]

    def _remember_closed(self, key: str) -> None:
        self.closed[hash(key)] = self.now.line
        if len(self.closed) > self._remember:
            self.closed.pop(next(iter(self.closed)))
            self.forgotten += 1
