"""Is the open turn, or its affinity, kept in a second place and read back from there? TA-KEY-2."""

from __future__ import annotations

from collections.abc import Callable

from turnaffinity.audit.findings import Findings
from turnaffinity.audit.lifecycle import Lives
from turnaffinity.audit.trace import SHORTEST
from turnaffinity.contract.layout import KeyLayout
from turnaffinity.wire.command import Command
from turnaffinity.wire.meaning import assigns

PLACES = 10_000
CLIENTS = 10_000
STRING_WRITES = frozenset({"SET", "SETNX", "GETSET"})
TIMED_WRITES = frozenset({"SETEX", "PSETEX"})
MANY_STRING_WRITES = frozenset({"MSET", "MSETNX"})
STRING_READS = frozenset({"GET", "GETDEL", "GETEX"})
FIELD_READS = frozenset({"HGET", "HMGET"})

Place = tuple[str, str]
"""(key, field), with "" for a string's only place."""


def values_given(command: Command) -> list[tuple[Place, str]]:
    """The values that a command gives to strings and fields of hashes."""
    name, argv = command.name, command.argv
    if name in STRING_WRITES:
        return [((argv[1], ""), value) for value in argv[2:3]]
    if name in TIMED_WRITES:
        return [((argv[1], ""), value) for value in argv[3:4]]
    if name in MANY_STRING_WRITES:
        return [((key, ""), value) for key, value in zip(argv[1::2], argv[2::2], strict=False)]
    key, fields = assigns(command) or ("", ())
    return [((key, field), value) for field, value in fields]


def places_read(command: Command) -> list[Place]:
    """The strings and fields of hashes that a command reads by name; one that reads all of a hash tells nothing."""
    name, argv = command.name, command.argv
    if name in FIELD_READS:
        return [(argv[1], field) for field in argv[2:]]
    if name == "MGET":
        return [(key, "") for key in argv[1:]]
    return [(argv[1], "")] if name in STRING_READS and len(argv) > 1 else []


class Elsewhere:
    """Places beside the contract's that hold the id of a turn, named by the turn's session.

    A job record may well hold its turn's id. A second open-turn record is told by three things together: it is
    named by the session, it holds that session's turn, and the scheduler reads it right before it clears that turn.
    """

    def __init__(self, layout: KeyLayout, findings: Findings, lives: Lives, watch: Callable[[str], None]) -> None:
        self._findings, self._lives, self._watch = findings, lives, watch
        self._own_fields = (layout.current_turn_field, layout.affinity_field)
        self._places: dict[Place, str] = {}
        self._affinities: dict[Place, None] = {}
        """Places named by a turn or its session that got the node in the very step that recorded it."""
        self._read: dict[str, tuple[str, int, str]] = {}
        """client -> (turn, line, place) of its latest read of such a place."""
        self._early: dict[str, Place] = {}
        """turn -> a place that was written before the session was known."""

    def command(self, command: Command) -> None:
        """A command that is none of the contract's own."""
        for place, value in values_given(command):
            self._assigned(place, value)
        for place in places_read(command):
            self._was_read(place)

    def routed_by(self, command: Command, key: str) -> str | None:
        """The second record of an affinity at this key that this command of a selection reads, or None."""
        if not self._affinities:
            return None
        places = [place for place in places_read(command) if place[0] == key]
        return next((" ".join(place).strip() for place in places if place in self._affinities), None)

    def _assigned(self, place: Place, value: str) -> None:
        latest = self._lives.latest_write
        if latest is not None and latest[1] == self._lives.now.unit and latest[0].node == value:
            names = (latest[0].id, (latest[0].session or "\0").rpartition("|")[2])
            name = next((name for name in names if name in place[0] or name in place[1]), None)
            if name is not None:
                self._affinities[place] = None
                self._look_out_for(place, name)
                if len(self._affinities) > PLACES:
                    self._affinities.pop(next(iter(self._affinities)))
                return
        self._affinities.pop(place, None)
        turn = self._lives.turns.get(self._lives.key_of(value))
        if turn is None or place[1] in self._own_fields:
            self._places.pop(place, None)
            return
        if turn.session is None:
            self._early[value] = place
            if len(self._early) > PLACES:
                self._early.pop(next(iter(self._early)))
        else:
            self._keep(place, value, turn.session)

    def _keep(self, place: Place, turn_id: str, session: str) -> None:
        session_id = session.rpartition("|")[2]
        if session_id not in place[0] and session_id not in place[1]:
            return
        self._places[place] = turn_id
        self._look_out_for(place, session_id)
        if len(self._places) > PLACES:
            self._places.pop(next(iter(self._places)))

    def _look_out_for(self, place: Place, name: str) -> None:
        """Have lines shown that name this place, and those of other sessions or turns in its manner."""
        before = place[0].partition(name)[0]
        self._watch(before if len(before) >= SHORTEST else place[0])

    def pointer_written(self, turn_id: str) -> None:
        """The session's own record names this turn now: who held its id before is known by name."""
        place = self._early.pop(turn_id, None) if self._early else None
        turn = self._lives.turns.get(self._lives.key_of(turn_id)) if place else None
        if place and turn is not None and turn.session:
            self._keep(place, turn_id, turn.session)

    def _was_read(self, place: Place) -> None:
        turn_id = self._places.get(place) if self._places else None
        if turn_id is None:
            return
        now = self._lives.now
        self._read[now.client] = (turn_id, now.line, " ".join(place).strip())
        if len(self._read) > CLIENTS:
            self._read.pop(next(iter(self._read)))

    def turn_used(self, turn_id: str) -> None:
        """A turn's affinity is deleted: by what record was the turn known?"""
        if not self._read:
            return
        read = self._read.pop(self._lives.now.client, None)
        if read is not None and read[0] == turn_id:
            self._findings.acts(self._lives.now.client)
            what = f"turn {turn_id} was read from {read[2]} at line {read[1]}, and is cleared now"
            self._findings.blame("TA-KEY-2", "the open turn stands only in the session hash", what, cause=read[1])
