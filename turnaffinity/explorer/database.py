"""How do a world and a live database become one another? Commands that arrange it, and a reading to compare with."""

from __future__ import annotations

from typing import Any

import redis

from turnaffinity.contract.layout import KeyLayout
from turnaffinity.specification.oracle_state import ONLINE, Database, Value, World, predicted_database

Argv = tuple[str, ...]


def arranging_commands(world: World, layout: KeyLayout) -> list[Argv]:
    """The commands that make an empty database into this world, sorted by key; offline nodes are in no pool."""
    commands = [_creating(key, value, layout) for key, value in predicted_database(world, layout).values]
    commands += [
        ("HSET", layout.session_key(session), layout.current_turn_field, "")
        for session, turn in sorted(world.open_turns)
        if not turn
    ]
    return commands


def node_offline_commands(node_id: str, layout: KeyLayout) -> list[Argv]:
    """The heartbeat stops: the node's key goes, and its places in the pools stay behind."""
    return [("DEL", layout.node_key(node_id))]


def node_online_commands(world: World, node_id: str, layout: KeyLayout) -> list[Argv]:
    """The node comes back into the places that the world remembers: its key, its pools, and the pool sets."""
    places = sorted(place for place in world.places if place.node_id == node_id)
    commands: list[Argv] = [("HSET", layout.node_key(node_id), *ONLINE[0])]
    for pair, pool_id, _ in places:
        commands.append(("SADD", layout.pool_key(pair, pool_id), node_id))
        commands.append(("HSET", layout.node_pools_key(node_id), pair, str(pool_id)))
    return commands


def serving_commands(before: World, pair: str, node_ids: tuple[str, ...], layout: KeyLayout) -> list[Argv]:
    """Exactly these nodes serve the pair, from pool 0, and they are online: what `World.serving` says."""
    commands: list[Argv] = []
    for _, pool_id, node in sorted(place for place in before.places if place.pair == pair):
        commands.append(("SREM", layout.pool_key(pair, pool_id), node))
        commands.append(("HDEL", layout.node_pools_key(node), pair))
    after = before.serving(pair, node_ids)
    for node in node_ids:
        commands += node_online_commands(after, node, layout)
    return commands


def event_commands(before: World, event: tuple[str, ...], layout: KeyLayout) -> list[Argv]:
    """The commands of one event of the surroundings: ("offline", node), ("online", node), ("serving", pair, *nodes)."""
    kind, subject, *rest = event
    if kind == "offline":
        return node_offline_commands(subject, layout)
    if kind == "online":
        return node_online_commands(before, subject, layout)
    return serving_commands(before, subject, tuple(rest), layout)


def send(client: redis.Redis, commands: list[Argv]) -> None:
    """Send the commands in one pipeline."""
    if not commands:
        return
    pipe: Any = client.pipeline(transaction=False)
    for argv in commands:
        pipe.execute_command(*argv)
    pipe.execute()


def read_database(client: redis.Redis, layout: KeyLayout) -> Database:
    """The whole live database in comparable form; sends SCAN, then TYPE, TTL and one read for each key.

    What a right script may or may not remove is left out, as in `predicted_database`: nodes that are offline
    from the pools, their own pool hashes, and an empty `current_turn_id`.
    """
    keys = sorted(client.scan_iter(count=1000))
    pipe = client.pipeline(transaction=False)
    for key in keys:
        pipe.type(key)
        pipe.pttl(key)
    kinds = pipe.execute()
    for key, kind in zip(keys, kinds[::2], strict=True):
        _reading(pipe, key, kind)
    contents = pipe.execute()
    online = {key for key in keys if layout.patterns["node"].fullmatch(key)}
    values = {}
    for key, content in zip(keys, contents, strict=True):
        kept = _comparable(key, content, online, layout)
        if kept:
            values[key] = kept
    with_ttl = frozenset(key for key, left in zip(keys, kinds[1::2], strict=True) if left >= 0)
    return Database(tuple(sorted(values.items())), with_ttl & frozenset(values))


def _creating(key: str, value: Value, layout: KeyLayout) -> Argv:
    if isinstance(value, str):
        return ("SET", key, value, "EX", str(layout.job_ttl_s))
    if isinstance(value, frozenset):
        return ("SADD", key, *sorted(value))
    return ("HSET", key, *(text for pair in value for text in pair))


def _reading(pipe: Any, key: str, kind: str) -> None:
    if kind == "hash":
        pipe.hgetall(key)
    elif kind == "set":
        pipe.smembers(key)
    else:
        pipe.get(key)


def _comparable(key: str, content: Any, online: set[str], layout: KeyLayout) -> Value | None:
    """A key's value; None if it does not count."""
    if isinstance(content, str) or content is None:
        return content
    if isinstance(content, set | frozenset | list):
        return frozenset(node for node in content if layout.node_key(node) in online)
    owner = layout.patterns["node_pools"].fullmatch(key)
    if owner and layout.node_key(owner["node_id"]) not in online:
        return None
    if layout.session_id_of(key) and not content.get(layout.current_turn_field, "set"):
        content = {field: value for field, value in content.items() if field != layout.current_turn_field}
    return tuple(sorted(content.items()))
