"""What does the contract remember? The state that the oracle works on, and the database that it stands for."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

from turnaffinity.contract.layout import KeyLayout

Value = str | frozenset[str] | tuple[tuple[str, str], ...]
"""A key's content: a string, a set, or a hash as sorted (field, value) pairs."""


class Place(NamedTuple):
    """One node in one pool of one language pair; `pair` is "zh:en", `pool_id` 0..999."""

    pair: str
    pool_id: int
    node_id: str


class World(NamedTuple):
    """Everything that a finalize can depend on, immutable and hashable.

    A place of a node that is offline is remembered but makes no candidate. An empty text is a field that
    exists and names nothing: no open turn (TA-KEY-2), no affinity (TA-SEL-2).
    """

    online: frozenset[str] = frozenset()
    places: frozenset[Place] = frozenset()
    open_turns: frozenset[tuple[str, str]] = frozenset()
    """(session id, current_turn_id)"""
    affinities: frozenset[tuple[str, str]] = frozenset()
    """(turn id, affinity_node_id)"""
    bindings: frozenset[tuple[str, str]] = frozenset()
    """(job id, node id)"""
    foreign: frozenset[tuple[str, str, str]] = frozenset()
    """Other people's fields in a session hash: (session id, field, value)"""

    def candidates(self, pair: str) -> frozenset[str]:
        """The nodes that are online and in a pool of the pair."""
        return frozenset(place.node_id for place in self.places if place.pair == pair) & self.online

    def open_turn(self, session_id: str) -> str | None:
        """The open turn's id; None where the field is absent or empty (TA-KEY-2)."""
        for session, turn in self.open_turns:
            if session == session_id:
                return turn or None
        return None

    def affinity(self, turn_id: str | None) -> str | None:
        """The node recorded for a turn; None where there is none (TA-SEL-2)."""
        for turn, node in self.affinities:
            if turn == turn_id:
                return node or None
        return None

    def binding(self, job_id: str | None) -> str | None:
        """The node that a job is bound to, online or not."""
        return next((node for job, node in self.bindings if job == job_id), None)

    def with_open_turn(self, session_id: str, turn_id: str | None) -> World:
        """The session names this turn; None removes the field."""
        rest = frozenset(pair for pair in self.open_turns if pair[0] != session_id)
        return self._replace(open_turns=rest if turn_id is None else rest | {(session_id, turn_id)})

    def with_affinity(self, turn_id: str, node_id: str | None) -> World:
        """The turn records this node; None removes the field."""
        rest = frozenset(pair for pair in self.affinities if pair[0] != turn_id)
        return self._replace(affinities=rest if node_id is None else rest | {(turn_id, node_id)})

    def with_binding(self, job_id: str, node_id: str | None) -> World:
        """The job is bound to this node; None drops the binding."""
        rest = frozenset(pair for pair in self.bindings if pair[0] != job_id)
        return self._replace(bindings=rest if node_id is None else rest | {(job_id, node_id)})

    def without_node(self, node_id: str) -> World:
        """The node goes offline."""
        return self._replace(online=self.online - {node_id})

    def with_node(self, node_id: str) -> World:
        """The node comes online, in the places where it was."""
        return self._replace(online=self.online | {node_id})

    def serving(self, pair: str, node_ids: Iterable[str]) -> World:
        """Exactly these nodes serve the pair, from pool 0, and they are online."""
        wanted = frozenset(node_ids)
        rest = frozenset(place for place in self.places if place.pair != pair)
        places = rest | frozenset(Place(pair, 0, node) for node in wanted)
        return self._replace(online=self.online | wanted, places=places)


@dataclass(frozen=True, slots=True)
class Database:
    """A whole database in comparable form: the value of each key, and which keys have a TTL."""

    values: tuple[tuple[str, Value], ...]
    with_ttl: frozenset[str]

    def differences(self, other: Database) -> list[str]:
        """How `other` differs from this one, a line for each key; empty where they are equal."""
        mine, theirs = dict(self.values), dict(other.values)
        lines = [
            f"{key}: {mine.get(key, 'absent')!r} / {theirs.get(key, 'absent')!r}"
            for key in sorted(mine.keys() | theirs.keys())
            if mine.get(key) != theirs.get(key)
        ]
        return lines + [
            f"{key}: a TTL on one side only" for key in sorted(self.with_ttl ^ other.with_ttl) if mine.get(key)
        ]


ONLINE = (("status", "online"),)
"""What the kit writes into a node's hash; only the key's existence counts."""


def predicted_database(world: World, layout: KeyLayout | None = None) -> Database:
    """The database that a world stands for: every key, every field, and a TTL on job bindings only.

    Nodes that are offline are left out of the pools: whoever finds one there may remove it.
    An empty `current_turn_id` is left out too: it names nothing, and a clear may remove it (TA-CLEAR-2).
    """
    names = layout or KeyLayout()
    sessions: dict[str, dict[str, str]] = {}
    for session, field, value in world.foreign:
        sessions.setdefault(session, {})[field] = value
    for session, turn in world.open_turns:
        if turn:
            sessions.setdefault(session, {})[names.current_turn_field] = turn
    values: dict[str, Value] = {names.session_key(session): _hash(fields) for session, fields in sessions.items()}
    values |= {names.turn_key(turn): ((names.affinity_field, node),) for turn, node in world.affinities}
    values |= {names.job_key(job): node for job, node in world.bindings}
    values |= {names.node_key(node): ONLINE for node in world.online}
    values |= _pools(world, names)
    return Database(tuple(sorted(values.items())), frozenset(names.job_key(job) for job, _ in world.bindings))


def _pools(world: World, names: KeyLayout) -> dict[str, Value]:
    pools: dict[str, set[str]] = {}
    of_node: dict[str, dict[str, str]] = {}
    for pair, pool_id, node in world.places:
        if node in world.online:
            pools.setdefault(names.pool_key(pair, pool_id), set()).add(node)
            of_node.setdefault(names.node_pools_key(node), {})[pair] = str(pool_id)
    values: dict[str, Value] = {key: frozenset(nodes) for key, nodes in pools.items()}
    return values | {key: _hash(fields) for key, fields in of_node.items()}


def _hash(fields: dict[str, str]) -> tuple[tuple[str, str], ...]:
    return tuple(sorted(fields.items()))
