"""Which nodes are there? What their hashes say does not matter; those that are gone hide nobody."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from turnaffinity.stage.evidence import Violation, listed
from turnaffinity.stage.stage import Stage, Step
from turnaffinity.subjects.subject import Finalized, Refused
from turnaffinity.wire.command import Command
from turnaffinity.wire.meaning import SCRIPT_CALLS, keys_of

MOST_GONE: Final = 50
"""With so many nodes that are gone in the pools of a pair a candidate is found every time (TA-SEL-2, -3, -4)."""

MANY_GONE: Final = 300
"""And with so many (TA-SEL-11)."""

TRIES: Final = 64
"""A choice that gives up after so many tries conforms, also one that may try a node that is gone again."""

ROUNDS: Final = 24
"""Twenty tries that take out what is gone find one node of 51 with chance 0.39: 24 times in a row with 2e-10."""

WATCHED_ROUNDS: Final = 80
"""64 tries of one node in 51, gone ones tried again, miss with chance 0.28: seen in 80 rounds but for 3e-12."""

_WORDS = (
    "offline",
    "draining",
    "busy",
    "maintenance",
    "paused",
    "starting",
    "stopping",
    "unhealthy",
    "error",
    "17",
    "",
)

NODE_HASHES: Final[dict[str, tuple[dict[str, str], ...]]] = {
    "a status": tuple({"status": word, "state": word} for word in _WORDS),
    "flags": (
        {"status": "online", "online": "0", "alive": "false", "healthy": "0", "ready": "0", "enabled": "0"},
        {"status": "online", "draining": "1", "drain": "true", "disabled": "1", "maintenance": "1", "paused": "true"},
    ),
    "load": (
        {"status": "online", "load": "100", "cpu": "100", "cpu_usage": "1.0", "active_jobs": "1000", "queue": "1000"},
        {"status": "online", "load_pct": "100", "load_avg": "99.9", "jobs": "1000", "current_jobs": "1000"},
    ),
    "capacity": (
        {"status": "online", "capacity": "0", "max_jobs": "0", "slots": "0", "free_slots": "0", "weight": "0"},
        {"status": "online", "max_concurrency": "0", "available": "0", "available_slots": "0", "free": "0"},
    ),
    "an old heartbeat": (
        {"status": "online", "heartbeat": "1", "last_heartbeat": "1", "heartbeat_at": "1", "last_seen": "1"},
        {"status": "online", "last_heartbeat_ms": "1", "updated_at": "1", "last_active": "1", "ts": "1"},
    ),
    "nothing of that": ({"seen": "17"},),
    "a short life": ({"status": "online"},),
}
"""What the hash of a node that is there may say of itself; one of a short life has a TTL too."""

SHORT_LIFE_S = 90
"""So long lives the key of a node whose heartbeat is about to be missed, in seconds."""


def says_of_itself(stage: Stage, nodes: list[str], says: str, first: int = 0) -> None:
    """The hashes of these nodes say one of the things of `NODE_HASHES` each, from the one numbered `first` on."""
    hashes = NODE_HASHES[says]
    for number, node in enumerate(nodes, first):
        key = stage.layout.node_key(node)
        flat = [part for item in hashes[number % len(hashes)].items() for part in item]
        stage.do_all([("DEL", key), ("HSET", key, *flat)])
        if says == "a short life":
            stage.do("EXPIRE", key, SHORT_LIFE_S)


Rebuild = Callable[[], set[str]]
"""Builds the pools anew, whatever a choice took out of them; returns the candidates."""

Choose = Callable[[bool], Step]
"""One choice, with its wire or without: a selection, or a finalize of one job."""


def lone_candidate(stage: Stage, gone: int, *, pools: int = 1, recorded: str | None = None) -> Rebuild:
    """One candidate and so many nodes that are gone, shared out over the pools of the first pair, 0 and up.

    Each round another node is the one that is there, of pool 0 always: where all the others are taken out, no gap
    is left before it. `recorded` names one more node that is gone, in pool 0.
    """
    names = stage.nodes(gone + (0 if recorded else 1))
    groups = [names[number::pools] for number in range(pools)]
    groups[0] += [recorded] if recorded else []
    turns = [name for name in groups[0] if name != recorded]
    there: list[str] = []

    def rebuilt() -> set[str]:
        if there:
            stage.offline(there[-1])
        there.append(turns[len(there) % len(turns)])
        stage.online(there[-1])
        for pool_id, group in enumerate(groups):
            _named(stage, group, pool_id)
        return {there[-1]}

    return rebuilt


def _named(stage: Stage, nodes: list[str], pool_id: int) -> None:
    """The pools name these nodes, whether they are there or not."""
    pair, layout = stage.pair(), stage.layout
    stage.do_all([("HSET", layout.node_pools_key(node), pair, str(pool_id)) for node in nodes])
    stage.do("SADD", layout.pool_key(pair, pool_id), *nodes)
    if index := layout.pool_index_key(pair):
        stage.do("SADD", index, str(pool_id))


def claim_found(stage: Stage, rebuilt: Rebuild, choose: Choose, *, rounds: int = ROUNDS) -> None:
    """Fail the case unless the only candidate is found in each round; nobody after `TRIES` tries is let pass."""
    for _ in range(rounds):
        wanted = rebuilt()
        if not missed(wanted, choose(False)):
            continue
        again = _missing_again(rebuilt, choose, WATCHED_ROUNDS)
        tried = len(_tried(stage, again.wire)) if again else 0
        observed = f"no node, after {tried} looks whether one is online" if again else "no node, now and then"
        stage.claim(tried >= TRIES, f"the only candidate {listed(wanted)}", observed, again.seen if again else ())
        return


def claim_found_however_many(stage: Stage, rebuilt: Rebuild, choose: Choose, *, rounds: int) -> None:
    """As `claim_found`, and no number of tries is enough (TA-SEL-11); a node that is gone is TA-SEL-2's to blame."""
    for _ in range(rounds):
        wanted = rebuilt()
        if node_of(choose(False)) is None:
            again = _missing_again(rebuilt, choose, ROUNDS)
            observed = f"no node, among {MANY_GONE} that are gone"
            stage.claim(False, f"the only candidate {listed(wanted)}", observed, again.seen if again else ())


def claim_found_past_dead_pools(stage: Stage, place: int, choose: Choose) -> None:
    """Three pools of three nodes: those of pool `place` are there, and found each time; those of the others are gone.

    Who draws a pool and keeps to it finds somebody 24 times in a row with chance 3e-12, who draws 64 times misses with
    chance 1e-10 in all.
    """
    groups = [stage.nodes(3) for _ in range(3)]
    stage.online(*groups[place])

    def rebuilt() -> set[str]:
        for pool_id, group in enumerate(groups):
            _named(stage, group, pool_id)
        return set(groups[place])

    for _ in range(ROUNDS):
        wanted = rebuilt()
        if not missed(wanted, choose(False)):
            continue
        before = [stage.look("EXISTS", stage.layout.pool_key(stage.pair(), pool_id)) for pool_id in range(place)]
        if 0 in before:  # it took out what was gone, and stopped at the gap that this left: TA-SEL-10's
            return
        again = _missing_again(rebuilt, choose, ROUNDS)
        stage.claim(False, f"one of {listed(sorted(wanted))}", "no node", again.seen if again else ())


def _missing_again(rebuilt: Rebuild, choose: Choose, rounds: int) -> Step | None:
    """A choice that found nobody is watched doing so again; None where it does not within so many rounds."""
    for _ in range(rounds):
        rebuilt()
        step = choose(True)
        if node_of(step) is None:
            return step
    return None


def missed(wanted: set[str], step: Step) -> bool:
    """Whether a choice found nobody; one that fell on a node that is no candidate fails the case."""
    node = node_of(step)
    if node is not None and node not in wanted:
        raise Violation(f"one of {listed(sorted(wanted))}", f'node "{node}"', step.seen)
    return node is None


def node_of(step: Step) -> str | None:
    """The node of a selection, or of a finalize of one job; None where it was refused for want of a node."""
    if isinstance(step.answer, Refused) and step.answer.code == "no_node":
        return None
    if isinstance(step.answer, Finalized) and len(step.answer.jobs) == 1:
        return step.answer.jobs[0].node_id
    return step.node


def _tried(stage: Stage, wire: tuple[Command, ...]) -> list[str]:
    """The node keys that a choice looked at, in order, again those looked at twice."""
    node, pools = stage.layout.patterns["node"], stage.layout.patterns["node_pools"]
    keys = [key for command in wire if command.name not in SCRIPT_CALLS for key in keys_of(command)]
    return [key for key in keys if node.fullmatch(key) and not pools.fullmatch(key)]
