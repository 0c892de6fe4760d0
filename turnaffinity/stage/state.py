"""What stands in the database? A snapshot of the keys under the layout's prefixes, TTLs included."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from turnaffinity.contract.layout import KeyLayout
from turnaffinity.server.round_trip import is_plain, one_trip

NO_TTL = -1
READERS: dict[str, tuple[str, ...]] = {
    "hash": ("HGETALL",),
    "string": ("GET",),
    "set": ("SMEMBERS",),
    "list": ("LRANGE", "0", "-1"),
    "zset": ("ZRANGE", "0", "-1", "WITHSCORES"),
    "stream": ("XLEN",),
}


_LOOK = """
local readers = cjson.decode(ARGV[1])
local found = {}
for i, key in ipairs(redis.call('KEYS', '*')) do
  local kind = redis.call('TYPE', key).ok
  local reader = readers[kind] or {'EXISTS'}
  found[i] = {key, kind, redis.call('PEXPIRETIME', key), redis.call(reader[1], key, unpack(reader, 2))}
end
return found
"""
LOOK = ("EVAL", _LOOK, "0", json.dumps(READERS))
"""One command that looks at all keys of a database; `state_of` reads its reply."""


@dataclass(frozen=True, slots=True)
class KeyState:
    """One key's content; `expires_at_ms` is the absolute time in milliseconds, or -1 where there is no TTL."""

    type: str
    value: Any
    expires_at_ms: int = NO_TTL

    def text(self) -> str:
        """The content as a person reads it."""
        ttl = "" if self.expires_at_ms == NO_TTL else " with a TTL"
        if isinstance(self.value, dict):
            fields = ", ".join(f"{name}={value}" for name, value in sorted(self.value.items()))
            return f"{{{fields}}}{ttl}"
        if isinstance(self.value, frozenset):
            return "{" + ", ".join(sorted(self.value)) + "}" + ttl
        return f"{self.value}{ttl}"


@dataclass(frozen=True, slots=True)
class State:
    """A snapshot: key -> content."""

    keys: Mapping[str, KeyState]

    def hash(self, key: str) -> dict[str, str]:
        """The fields of a hash; empty if the key is missing or no hash."""
        found = self.keys.get(key)
        return dict(found.value) if found and found.type == "hash" else {}

    def hashes(self) -> dict[str, dict[str, str]]:
        """The hashes with their fields, sorted."""
        return {key: self.hash(key) for key in sorted(self.keys) if self.keys[key].type == "hash"}

    def only(self, keys: Iterable[str]) -> dict[str, KeyState | None]:
        """These keys, None for a missing one: comparable with ==."""
        return {key: self.keys.get(key) for key in keys}

    def with_prefix(self, *prefixes: str) -> dict[str, KeyState]:
        """The keys under any of these prefixes."""
        return {key: state for key, state in self.keys.items() if key.startswith(prefixes)}

    def holding(self, text: str) -> list[str]:
        """Where a text stands as a value: keys, and `key / field` for hashes, sorted."""
        places: list[str] = []
        for key, state in self.keys.items():
            if isinstance(state.value, dict):
                places += [f"{key} / {name}" for name, value in state.value.items() if value == text]
            elif state.value == text or (isinstance(state.value, frozenset) and text in state.value):
                places.append(key)
        return sorted(places)


def difference(before: Mapping[str, KeyState | None], after: Mapping[str, KeyState | None]) -> list[str]:
    """What changed, a sentence for each thing that did; of a hash or a set only what differs."""
    changes: list[str] = []
    for key in sorted(before.keys() | after.keys()):
        old, new = before.get(key), after.get(key)
        if old == new:
            continue
        if old is None and new is not None:
            changes.append(f"{key} appeared: {new.text()}")
        elif new is None and old is not None:
            changes.append(f"{key} is gone; it held {old.text()}")
        elif old is not None and new is not None:
            changes += _within(key, old, new)
    return changes


def _within(key: str, old: KeyState, new: KeyState) -> list[str]:
    """What changed in one key that was there before and is there after."""
    if old.type != new.type or not isinstance(old.value, dict | frozenset):
        return [f"{key} was {old.text()} and is {new.text()}"]
    lost, gained, changes = _parts(old.value), _parts(new.value), []
    if isinstance(old.value, dict):
        for name in sorted(old.value.keys() & new.value.keys()):
            if old.value[name] != new.value[name]:
                now, before = gained.pop(name), lost.pop(name)
                changes.append(f"{key} has {now} in place of {before}")
    if gone := [text for name, text in lost.items() if name not in gained]:
        changes.append(f"{key} lost {', '.join(gone)}")
    if added := [text for name, text in gained.items() if name not in lost]:
        changes.append(f"{key} gained {', '.join(added)}")
    if old.expires_at_ms != new.expires_at_ms:
        changes.append(
            f"{key} has no TTL any more" if new.expires_at_ms == NO_TTL
            else f"{key} got a TTL" if old.expires_at_ms == NO_TTL
            else f"{key} has another TTL"
        )  # fmt: skip
    return changes


def _parts(value: Mapping[str, str] | frozenset[str]) -> dict[str, str]:
    """The fields of a hash, or the members of a set, each as a person reads it; sorted."""
    if isinstance(value, frozenset):
        return {member: member for member in sorted(value)}
    return {name: f"{name}={value[name]}" for name in sorted(value)}


def take_snapshot(client: Any, layout: KeyLayout, *, everything: bool) -> State:
    """The database now: all keys on a server of ours, the keys under the layout's prefixes elsewhere.

    Sends one EVAL that looks at all keys (ours, unless it is a cluster or fakeredis); else KEYS * or SCAN per prefix,
    then TYPE and PEXPIRETIME for each key in one round trip, and one reading command for each key in another. The
    judge's own look: no selection does this (TA-SEL-5).
    """
    if everything and is_plain(client):
        return state_of(one_trip(client, [LOOK])[0])
    keys = sorted(client.keys("*")) if everything else _keys_under(client, layout)
    if not keys:
        return State({})
    answers = one_trip(client, [argv for key in keys for argv in (("TYPE", key), ("PEXPIRETIME", key))])
    types, expiries = answers[::2], answers[1::2]
    looks: list[tuple[str, ...]] = []
    for key, kind in zip(keys, types, strict=True):
        command, *rest = READERS.get(kind, ("EXISTS",))
        looks.append((command, key, *rest))
    values = one_trip(client, looks)
    return State(
        {
            key: KeyState(kind, _comparable(value), int(expiry))
            for key, kind, expiry, value in zip(keys, types, expiries, values, strict=True)
            if kind != "none"
        }
    )


def state_of(found: Sequence[tuple[str, str, int, Any]]) -> State:
    """What `LOOK` found, as a state."""
    return State({key: KeyState(kind, _SHAPES.get(kind, _comparable)(value), int(expiry))
                  for key, kind, expiry, value in sorted(found)})  # fmt: skip


_SHAPES: dict[str, Callable[[Any], Any]] = {
    "hash": lambda flat: dict(zip(flat[::2], flat[1::2], strict=True)),
    "set": frozenset,
}
"""How a script's reply, which knows lists only, becomes what the reading command's reply is."""


def _keys_under(client: Any, layout: KeyLayout) -> list[str]:
    prefixes = {*layout.prefixes.values(), *layout.room_prefixes}
    return sorted({key for prefix in prefixes for key in client.scan_iter(match=_escaped(prefix) + "*", count=1000)})


def _escaped(text: str) -> str:
    return "".join(f"\\{mark}" if mark in "*?[]\\" else mark for mark in text)


def _comparable(value: Any) -> Any:
    if isinstance(value, set):
        return frozenset(value)
    return tuple(value) if isinstance(value, list) else value
