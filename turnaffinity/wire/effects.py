"""What do commands do to the contract's keys? Selections, reads, writes, deletes and lives, by the layout's names."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from turnaffinity.contract.layout import LEGACY_FIELDS, KeyLayout
from turnaffinity.wire.command import Command
from turnaffinity.wire.meaning import (
    ALL,
    ASKS_WHETHER,
    SCRIPT_CALLS,
    deletes_fields,
    is_scan,
    keys_of,
    reads_fields,
    script_call,
    sets_ttl,
    writes_fields,
)
from turnaffinity.wire.units import Unit, units


@dataclass(frozen=True, slots=True)
class Selection:
    """One script call that selected a node for `pair`."""

    pair: str
    unit: Unit

    @property
    def turn_argument(self) -> str | None:
        """ARGV[3] of a call that keeps to the ABI of `select_node.lua` (no KEYS, the pair first); else None."""
        call = script_call(self.unit.top)
        if call is None or call.keys or len(call.args) < 3 or call.args[0] != self.pair:
            return None
        return call.args[2]

    def mentions(self, text: str) -> bool:
        """Whether the call was given this text, alone or within a key."""
        return any(text in part for part in self.unit.top.argv[2:])


def selections(wire: Sequence[Command], layout: KeyLayout, pairs: Iterable[str]) -> tuple[Selection, ...]:
    """The script calls that selected a node, in order: they were given a pair, or asked a pool of it."""
    found: list[Selection] = []
    wanted = list(pairs)
    for unit in units(wire):
        if unit.kind != "script":
            continue
        for pair in wanted:
            given = any(part == pair for part in unit.top.argv[2:])
            if given or any(_asks_pool(command, layout, pair) for command in unit.inner):
                found.append(Selection(pair, unit))
                break
    return tuple(found)


def _asks_pool(command: Command, layout: KeyLayout, pair: str) -> bool:
    pattern = layout.patterns["pool"]
    return any((match := pattern.fullmatch(key)) and match["pair"] == pair for key in keys_of(command))


class Looks:
    """What commands do to the contract's keys, by the layout's names."""

    def __init__(self, layout: KeyLayout) -> None:
        self._layout = layout
        self._session = layout.prefixes["session"]
        self._turn = layout.prefixes["turn"]

    def is_turn_key(self, key: str) -> bool:
        """Whether a key is any turn's."""
        return self._layout.turn_id_of(key) is not None

    def is_session_or_room_key(self, key: str) -> bool:
        """Whether a key stands under the session prefix or a room prefix."""
        return key.startswith((self._session, *self._layout.room_prefixes))

    def affinity_reads(self, wire: Iterable[Command]) -> list[Command]:
        """The commands that read the affinity field of some hash by name, or a turn key's hash whole (HGETALL)."""
        return [c for c in wire if self._reads_affinity(c)]

    def affinity_value_reads(self, wire: Iterable[Command]) -> list[Command]:
        """Those that read what it holds; to ask beforehand whether the field is there is no read (TA-SEL-5)."""
        return [command for command in self.affinity_reads(wire) if command.name not in ASKS_WHETHER]

    def affinity_looks(self, wire: Iterable[Command]) -> list[Command]:
        """Those that leave it there: what HGETDEL takes out of a turn is cleared, and no job is selected by it."""
        taken = {id(c) for c in wire if any(self.is_turn_key(key) for key, _ in deletes_fields(c))}
        return [command for command in self.affinity_reads(wire) if id(command) not in taken]

    def _reads_affinity(self, command: Command) -> bool:
        field = self._layout.affinity_field
        return any(self.is_turn_key(key) if fields is ALL else field in fields for key, fields in reads_fields(command))

    def reads_of(self, wire: Iterable[Command], key: str, field: str) -> list[Command]:
        """The commands that read one field of one hash."""
        return [c for c in wire if any(k == key and field in fields for k, fields in reads_fields(c))]

    def writes_of(self, wire: Iterable[Command], field: str, key: str | None = None) -> list[Command]:
        """The commands that write a field, in one hash or in any."""
        return [c for c in wire if any(field in fields and key in (None, k) for k, fields in writes_fields(c))]

    def deletes_of(self, wire: Iterable[Command], key: str, field: str) -> list[Command]:
        """The commands after which one field of one hash is gone."""
        return [c for c in wire if any(k == key and field in fields for k, fields in deletes_fields(c))]

    def legacy(self, wire: Iterable[Command], *, selecting: bool = False) -> list[Command]:
        """The commands that read or write a legacy field by its name; deleting one is allowed, but not while selecting.

        TA-KEY-3.
        """
        return [
            c
            for c in wire
            if self._reads_legacy(c) or self._writes_legacy(c) or (selecting and self._deletes_legacy(c))
        ]

    def _deletes_legacy(self, command: Command) -> bool:
        named = [fields for _, fields in deletes_fields(command) if fields is not ALL]
        return any(field in fields for fields in named for field in LEGACY_FIELDS)

    def _reads_legacy(self, command: Command) -> bool:
        named = [fields for _, fields in reads_fields(command) if fields is not ALL]
        return any(field in fields for fields in named for field in LEGACY_FIELDS)

    def _writes_legacy(self, command: Command) -> bool:
        named = [fields for _, fields in writes_fields(command) if fields is not ALL]
        return any(field in fields for fields in named for field in LEGACY_FIELDS)

    def ttl_on(self, wire: Iterable[Command], *, turns: bool = True, sessions: bool = False) -> list[Command]:
        """The commands that set, move or remove the TTL of a turn key, or of a session hash."""
        return [
            c
            for c in wire
            if any(
                (turns and self.is_turn_key(key)) or (sessions and key.startswith(self._session)) for key in sets_ttl(c)
            )
        ]

    def looking_elsewhere(self, wire: Iterable[Command], turn: str | None) -> list[Command]:
        """The commands of a selection that look at a session, a room, another turn, or over all keys (TA-SEL-5)."""
        own = self._layout.turn_key(turn) if turn else None
        return [c for c in wire if self._looks_elsewhere(c, own)]

    def after_the_clear(self, wire: Sequence[Command], turn: str, session_key: str) -> tuple[Command, ...]:
        """What followed the first delete of the open turn's fields, on the wire; empty if there was none."""
        for at, command in enumerate(wire):
            gone = self.deletes_of([command], session_key, self._layout.current_turn_field)
            if gone or self.deletes_of([command], self._layout.turn_key(turn), self._layout.affinity_field):
                return tuple(wire[at + 1 :])
        return ()

    def _looks_elsewhere(self, command: Command, own: str | None) -> bool:
        keys = keys_of(command)
        if is_scan(command):
            return True
        if command.name == "HSCAN" and any(self.is_turn_key(k) or self.is_session_or_room_key(k) for k in keys):
            return True
        if command.name in SCRIPT_CALLS:
            return False
        return any((self.is_turn_key(key) and key != own) or self.is_session_or_room_key(key) for key in keys)

    def touching_turn(self, wire: Iterable[Command]) -> list[Command]:
        """The commands that read or write any turn key."""
        return [c for c in wire if c.name not in SCRIPT_CALLS and any(self.is_turn_key(key) for key in keys_of(c))]

    def changing(self, wire: Iterable[Command]) -> list[Command]:
        """The commands that write, delete, move or give a life to any turn key or session hash (TA-SEL-6)."""
        return [c for c in wire if any(self.is_turn_key(k) or self.is_session_or_room_key(k) for k in _changed(c))]


def _changed(command: Command) -> set[str]:
    changed = {key for key, _ in (*writes_fields(command), *deletes_fields(command))}
    return changed | set(sets_ttl(command))
