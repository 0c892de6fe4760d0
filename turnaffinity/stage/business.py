"""Which keys are the contract's business? Turns and sessions, nodes and pools, and job bindings by their exact names.

A scheduler keeps keys of its own: records of jobs, counters, locks. They appear, change and expire in any finalize, and
"every other key as it was" does not mean them (conformance/README.md, what is let pass).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from turnaffinity.contract.layout import KeyLayout
from turnaffinity.stage.state import KeyState, State

PLAIN_ID = re.compile(r"[A-Za-z0-9._-]+")
"""What the ids of cases are made of; a key that goes on behind one, with a colon say, is another key."""

PLACES = ("turn", "session")
"""Whatever begins as these keys do is the contract's, whoever wrote it."""


def under(layout: KeyLayout, state: State, *kinds: str) -> dict[str, KeyState]:
    """What stands under the prefixes of these kinds of key, but for what is a key of another kind by its whole name.

    One prefix may begin several kinds: "mt:{turn_id}:turn" beside "mt:node:{node_id}".
    """
    own = [layout.patterns[kind] for kind in kinds]
    others = [pattern for kind, pattern in layout.patterns.items() if kind not in kinds]
    return {
        key: held
        for key, held in state.with_prefix(*(layout.prefixes[kind] for kind in kinds)).items()
        if any(pattern.fullmatch(key) for pattern in own) or not any(pattern.fullmatch(key) for pattern in others)
    }


def of_turns_and_sessions(layout: KeyLayout, state: State) -> dict[str, KeyState]:
    """What stands under the turn and session prefixes."""
    return under(layout, state, *PLACES)


def is_binding(layout: KeyLayout, key: str, jobs: Iterable[str] = ()) -> bool:
    """Whether a key is a job's binding by its exact name; `jobs` are ids that are known, whatever they look like."""
    match = layout.patterns["job"].fullmatch(key)
    return match is not None and (PLAIN_ID.fullmatch(match["job_id"]) is not None or match["job_id"] in set(jobs))


def bindings(layout: KeyLayout, state: State, jobs: Iterable[str] = ()) -> dict[str, KeyState]:
    """The job bindings that stand."""
    return {key: held for key, held in state.keys.items() if is_binding(layout, key, jobs)}


def contracts(layout: KeyLayout, state: State) -> State:
    """The state as far as it is the contract's, with all that a right script may change left out.

    Of a node only that it is online counts, of a pool its online members; what the pools hash of a node that is gone
    says counts for nothing.
    """
    kept = of_turns_and_sessions(layout, state) | bindings(layout, state)
    for key, held in state.keys.items():
        if key not in kept and (seen := _of_the_surroundings(layout, state, key, held)) is not None:
            kept[key] = seen
    return State(kept)


def _of_the_surroundings(layout: KeyLayout, state: State, key: str, held: KeyState) -> KeyState | None:
    if _names_a_node(layout, "node", key):
        return KeyState(held.type, "online")
    node = _names_a_node(layout, "node_pools", key)
    if node is not None:
        return held if layout.node_key(node) in state.keys else None
    if layout.patterns["pool"].fullmatch(key) and held.type == "set":
        members: Any = frozenset(name for name in held.value if layout.node_key(name) in state.keys)
        return KeyState(held.type, members, held.expires_at_ms) if members else None
    return None


def _names_a_node(layout: KeyLayout, kind: str, key: str) -> str | None:
    match = layout.patterns[kind].fullmatch(key)
    return match["node_id"] if match and PLAIN_ID.fullmatch(match["node_id"]) else None
