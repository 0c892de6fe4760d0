"""Where does an implementation look, besides the turn's own field? What it was seen to read, to be planted with a node.

Names that the judge thinks of are some of those that a fallback may have; the wire shows which one it has.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from turnaffinity.contract.layout import LEGACY_FIELDS
from turnaffinity.stage.evidence import Violation
from turnaffinity.stage.stage import Stage
from turnaffinity.subjects.subject import Finalized, Selected
from turnaffinity.wire.command import Command
from turnaffinity.wire.meaning import ALL, reads_fields, takes_for_no_hash

READ_WHOLE = (
    "assigned_node_id", "assigned_node", "node_id", "node", "last_node_id", "last_node", "preferred_node_id",
    "preferred_node", "sticky_node_id", "sticky_node", "fallback_node_id", "backup_node_id", "worker_id", "server_id",
)  # fmt: skip
"""Fields to plant where a hash is read whole, and the wire does not say which of them matters."""

SESSION, TURN = "\0session\0", "\0turn\0"
"""What stands in a place's key for the ids; no key holds a NUL of its own."""


@dataclass(frozen=True, order=True)
class Place:
    """A field of a hash, or a string where `field` is None; its key with `SESSION` and `TURN` in place of the ids."""

    key: str
    field: str | None

    def planted(self, node: str, session: str, turn: str) -> tuple[str, ...]:
        """The command that puts a node there, for these ids."""
        key = self.key.replace(SESSION, session).replace(TURN, turn)
        return ("SET", key, node) if self.field is None else ("HSET", key, self.field, node)


def places_read(stage: Stage, wire: Iterable[Command], session: str, turn: str) -> set[Place]:
    """The places of this session and this turn that the commands read, but those that the contract names.

    Only keys under the contract's prefixes: what a scheduler keeps elsewhere, a lock say, is no place for a node.
    """
    layout = stage.layout
    ours = {(layout.turn_key(turn), layout.affinity_field), (layout.session_key(session), layout.current_turn_field)}
    found: set[tuple[str, str | None]] = set()
    for command in wire:
        for key, fields in reads_fields(command):
            found |= {(key, name) for name in (READ_WHOLE if fields is ALL else tuple(fields))}
        if command.name in {"GET", "MGET", "GETEX"}:
            found |= {(key, None) for key in takes_for_no_hash(command)}
    return {
        Place(key.replace(session, SESSION).replace(turn, TURN), field)
        for key, field in found - ours
        if key.startswith(layout.scheduler_prefixes) and (session in key or turn in key) and field not in LEGACY_FIELDS
    }


def fit_for_a_node(stage: Stage, places: Iterable[Place], session: str, turn: str, reason: str | None) -> list[Place]:
    """Those places that may hold a node's name: with one that is gone there, the request is answered all the same.

    A field that says something else, a number say, is not to be spoilt. `reason` None asks for a selection.
    """
    gone, fit = stage.nodes(1)[0], list[Place]()
    for place in sorted(places, key=lambda each: (each.key, each.field or "")):
        command = place.planted(gone, session, turn)
        stage.do(*command)
        try:
            asked = stage.select(turn=turn) if reason is None else stage.finalize(session, reason)
            answer = asked.answer
            turn_of_it = isinstance(answer, Finalized) and answer.turn_id == gone  # a second pointer: TA-KEY-2's
            fit += [place] if isinstance(answer, Finalized | Selected) and not turn_of_it else []
        except Violation:
            pass
        stage.do(*(("DEL", command[1]) if place.field is None else ("HDEL", command[1], place.field)))
    return fit
