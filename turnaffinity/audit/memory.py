"""What is remembered of a trace, and how much? The turns and sessions that are open, and the turns that were closed."""

from __future__ import annotations

from turnaffinity.audit.findings import Now
from turnaffinity.audit.state import UNKNOWN, Session, Turn

SESSIONS_KEPT = 100_000


class Known:
    """The turns and sessions by their names; `remember` bounds how many turns."""

    def __init__(self, now: Now, remember: int) -> None:
        self.now = now
        self.turns: dict[str, Turn] = {}
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

    def _new_turn(self, key: str, turn_id: str) -> Turn:
        turn = self.turns[key] = Turn(turn_id)
        if len(self.turns) > self._remember:
            self.turns.pop(next(iter(self.turns)))
            self.forgotten += 1
        return turn

    def is_turn(self, turn_id: str, key: str) -> bool:
        """Whether this key is a turn's: a lock or a queue may have a name that begins as turn keys do."""
        name = self.key_of(turn_id)
        return name in self.turns or hash(name) in self.closed or self._is_plain(turn_id, key)

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
