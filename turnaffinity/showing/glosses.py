"""What does this command mean, in the contract's words? A few words beside each line of the wire."""

from __future__ import annotations

from turnaffinity.contract.layout import KeyLayout
from turnaffinity.showing.wording import Words
from turnaffinity.wire.command import Command
from turnaffinity.wire.meaning import SCRIPT_CALLS, keys_of, sets_ttl

VERBS = {
    "HGET": "reads", "HMGET": "reads", "HGETALL": "reads", "HEXISTS": "looks for", "GET": "reads",
    "HSET": "writes", "HSETNX": "writes", "HMSET": "writes", "SET": "writes",
    "HDEL": "deletes", "DEL": "deletes", "UNLINK": "deletes",
}  # fmt: skip

OF_A_POOL = {
    "EXISTS": "is any of these a pool?", "SCARD": "how many nodes?", "SMEMBERS": "which nodes?",
    "SISMEMBER": "is the node in it?", "SREM": "takes a node that is gone out", "SRANDMEMBER": "draws",
}  # fmt: skip

OF_NODE_POOLS = {"HGET": "in which pool is the node?", "HGETALL": "which pools was it in?"}


def gloss(command: Command, layout: KeyLayout, words: Words | None = None) -> str:
    """What a command does, in a few words; empty where its own text says enough."""
    return (words or Words())(_meaning(command, layout))


def kind_of(key: str, layout: KeyLayout) -> str:
    """The kind of a key by the layout: "turn", "session", "node", "node_pools", "pool", "job", or empty."""
    for kind in ("turn", "session", "job", "node_pools", "pool", "node"):
        if layout.patterns[kind].fullmatch(key):
            return kind
    return ""


def _meaning(command: Command, layout: KeyLayout) -> str:
    name = command.name
    if name in SCRIPT_CALLS:
        return "one atomic step"
    if name in {"KEYS", "SCAN"}:
        return "searches all keys"
    if name == "TIME":
        return "where the draw begins"
    keys = keys_of(command)
    if not keys:
        return ""
    kind = kind_of(keys[0], layout)
    if sets_ttl(command) and kind in {"turn", "session"}:
        return f"takes the TTL off the {kind}'s hash" if name == "PERSIST" else f"gives the {kind}'s hash a TTL"
    return _about(command, kind, layout)


def _about(command: Command, kind: str, layout: KeyLayout) -> str:
    name, argv = command.name, command.argv
    verb = VERBS.get(name, "")
    field = argv[2] if len(argv) > 2 else ""
    if kind in ("turn", "session") and name in ("GET", "SET"):  # no hash: its name only begins like one
        return f"{verb} a key of its own"
    if kind == "turn" and verb:
        return f"{verb} the affinity" if field == layout.affinity_field else f"{verb} the turn's hash"
    if kind == "session" and verb:
        return f"{verb} the open turn" if field == layout.current_turn_field else f"{verb} the session's hash"
    if kind == "job" and verb:
        return f"{verb} the job's binding"
    if kind == "pool":
        return OF_A_POOL.get(name, "")
    if kind == "node" and name == "EXISTS":
        return "is the node online?"
    return OF_NODE_POOLS.get(name, "") if kind == "node_pools" else ""
