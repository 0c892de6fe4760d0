"""What is a scene? A state, a few steps, and no word about what comes of them: that is the oracle's to say."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from turnaffinity.contract.layout import KeyLayout
from turnaffinity.explorer.database import Argv, node_offline_commands, node_online_commands
from turnaffinity.specification.oracle import Request
from turnaffinity.specification.oracle_state import Place, World

NAMES = KeyLayout()
"""Vectors use the default names; whoever has others translates them (conformance/vectors/README.md)."""

A = "aaaaaaaa-0000-4000-8000-00000000000a"
B = "bbbbbbbb-0000-4000-8000-00000000000b"
C = "cccccccc-0000-4000-8000-00000000000c"
D = "dddddddd-0000-4000-8000-00000000000d"
"""Turns that are there before the first step."""

T1 = "${T1}"
"""The first turn that the implementation itself makes."""

CROWD = "n1 n2 n3 n4 n5 n6 n7 n8"
"""So many candidates that a node named by accident, eight times in a row, is one chance in 16 million."""

TIMES = 8


class Selection(NamedTuple):
    """One selection as it is asked for."""

    pair: str
    turn_id: str | None = None
    job_id: str | None = None


@dataclass(frozen=True, slots=True)
class Event:
    """What somebody else does between two steps: the commands, and the same on the oracle's world."""

    commands: Callable[[World], list[Argv]]
    change: Callable[[World], World]


When = Request | Selection | Event


@dataclass(frozen=True, slots=True)
class Scene:
    """One claim about one rule; its end is computed, for each reading that `only` leaves."""

    rule: str
    claim: str
    """In words; joined by "-" it is the file's name."""
    given: World
    when: tuple[When, ...]
    only: Mapping[str, str] = field(default_factory=dict)
    """The choices under which the scene says anything about the rule: {"D1": "reuse"}."""
    also: tuple[Argv, ...] = ()
    """Commands for what the oracle's world does not hold: decoys, and other people's fields in turn keys."""
    tells_apart: bool = False
    """Whether the ids made after the first one are held against it ({"not": "T1"}) and not bound themselves."""
    binds: bool = False
    """Whether job bindings are judged; the jobs' ids are bound then."""


def world(
    serve: Mapping[str, str] | None = None,
    *,
    online: str = "",
    gone: str = "",
    open: Mapping[str, str] | None = None,
    recorded: Mapping[str, str] | None = None,
    foreign: Mapping[str, Mapping[str, str]] | None = None,
    bound: Mapping[str, str] | None = None,
) -> World:
    """A state in few words: `serve` {"zh:en": "n1 n2@3"} (node, and its pool's id where it is not 0), the nodes that
    are online in no pool, those that are gone but still in their pools, session -> open turn, turn -> node,
    session -> other people's fields, job -> node."""
    places = frozenset(
        Place(pair, int(pool_id or 0), node)
        for pair, text in (serve or {}).items()
        for node, _, pool_id in (word.partition("@") for word in text.split())
    )
    alive = (frozenset(place.node_id for place in places) | set(online.split())) - set(gone.split())
    return World(
        online=alive,
        places=places,
        open_turns=frozenset((open or {}).items()),
        affinities=frozenset((recorded or {}).items()),
        bindings=frozenset((bound or {}).items()),
        foreign=frozenset((s, name, value) for s, fields in (foreign or {}).items() for name, value in fields.items()),
    )


# the requests


def solo(reason: str, lang: str = "en", *, session: str = "s1", src: str = "zh") -> Request:
    """A finalize of a solo session (call site 1)."""
    return Request(session, reason, src, lang)


def lone(reason: str, lang: str = "en", *, session: str = "s1") -> Request:
    """A finalize in a room without other members (call site 2)."""
    return Request(session, reason, "zh", lang, ())


def room(reason: str, *langs: str, session: str = "s1", tgt: str = "en", src: str = "zh") -> Request:
    """A finalize in a room with language groups (call site 3); `tgt` has to be ignored."""
    return Request(session, reason, src, tgt, langs)


def select(lang: str = "en", turn: str | None = None, job: str | None = None) -> Selection:
    """One selection for zh:<lang>."""
    return Selection(f"zh:{lang}", turn, job)


# what others do between the steps


def goes_offline(node: str) -> Event:
    """The heartbeat stops; the pools still name the node."""
    return Event(lambda w: node_offline_commands(node, NAMES), lambda w: w.without_node(node))


def comes_online(node: str) -> Event:
    """The node comes back, into the pools where it was."""
    return Event(lambda w: node_online_commands(w, node, NAMES), lambda w: w.with_node(node))


def joins(node: str, *langs: str) -> Event:
    """A node comes online, into pool 0 of zh:<lang> for each language."""
    places = frozenset(Place(f"zh:{lang}", 0, node) for lang in langs)

    def change(before: World) -> World:
        return before._replace(online=before.online | {node}, places=before.places | places)

    return Event(lambda w: node_online_commands(change(w), node, NAMES), change)


def records(turn: str, node: str | None) -> Event:
    """Another process writes a turn's affinity, or deletes it (None)."""
    key, name = NAMES.turn_key(turn), NAMES.affinity_field
    command = ("HDEL", key, name) if node is None else ("HSET", key, name, node)
    return Event(lambda w: [command], lambda w: w.with_affinity(turn, node))


def opens(session: str, turn: str | None) -> Event:
    """Another process writes a session's open turn, or deletes it (None)."""
    key, name = NAMES.session_key(session), NAMES.current_turn_field
    command = ("HDEL", key, name) if turn is None else ("HSET", key, name, turn)
    return Event(lambda w: [command], lambda w: w.with_open_turn(session, turn))
