"""What is known of a turn, a session, and of what the present unit did?"""

from __future__ import annotations

from dataclasses import dataclass, field

UNKNOWN = "\0unknown"
"""The open turn of a session of which too little was seen: what was not seen is not judged."""

READS_KEPT = 10_000
"""So many names of keys that were read are remembered, the latest ones."""


@dataclass(slots=True)
class Turn:
    """A turn that is not closed, as far as the trace shows it."""

    id: str
    session: str | None = None
    recorded: bool | None = None
    """Whether an affinity stands recorded; None where the trace does not show it."""
    node: str = ""
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

    def begin(self) -> None:
        """A new unit did nothing yet."""
        if self.turns_deleted:
            self.turns_deleted = {}
        if self.sessions_cleared:
            self.sessions_cleared = []
        if self.turns_read:
            self.turns_read = {}
        if self.sessions_read:
            self.sessions_read = {}


def keep(names: dict[str, None], name: str) -> None:
    """Remember a name among the latest ones."""
    names[name] = None
    if len(names) > READS_KEPT:
        names.pop(next(iter(names)))
