"""Which versions may serve the same sessions during an upgrade? Every pair, by exhaustion; what each upgrade needs."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations
from typing import Any

import networkx as nx

from turnaffinity.contract.decisions import DEFAULT_READING, GOALS
from turnaffinity.explorer.bounds import Bounds
from turnaffinity.explorer.goals import PREDICATES
from turnaffinity.explorer.live import LiveFlow
from turnaffinity.explorer.matrix import Cell, Progress, cell_of, die_quietly_when_interrupted
from turnaffinity.explorer.versions import ALL_VERSIONS, BEFORE, Version
from turnaffinity.server import Server

OF_A_RECORDED_NODE = ("G1", "G2", "G6", "G8")
"""The goals that speak of a node that stands recorded."""


@dataclass(frozen=True)
class Rollout:
    """Two versions that serve the same sessions, each finalize by either: a cell for each goal."""

    a: Version
    b: Version
    cells: tuple[Cell, ...]
    seconds: float = 0.0
    replayed: int = 0

    def cell(self, goal_id: str) -> Cell:
        """One goal."""
        return next(cell for cell in self.cells if cell.goal.id == goal_id)

    @property
    def missed(self) -> tuple[str, ...]:
        """The goals that fail while both are at work."""
        return tuple(cell.goal.id for cell in self.cells if not cell.holds)

    @property
    def states(self) -> int:
        """States reached in all searches together."""
        return sum(cell.states for cell in self.cells)

    def as_json(self) -> dict[str, Any]:
        """As `explore --rollout A B --json` writes it."""
        goals = {cell.goal.id: cell.as_json() for cell in self.cells}
        return {
            "rollout": {"a": self.a.name, "b": self.b.name, "goals": goals},
            "states": self.states,
            "seconds": round(self.seconds, 3),
            "replayed": self.replayed,
        }


def roll_out(
    a: Version, b: Version, bounds: Bounds | None = None, *, server: Server | None = None,
    workers: int | None = None, progress: Progress | None = None,
) -> Rollout:  # fmt: skip
    """Settle every goal while any finalize may be handled by either version.

    With a `server` each counterexample is replayed on it by two schedulers; one that they do not repeat raises
    `Disagreement`.
    """
    found = roll_out_pairs([(a, b)], bounds or Bounds(), workers=workers, progress=progress)[0]
    replayed = replay(found, server) if server is not None else 0
    return Rollout(a, b, found.cells, found.seconds, replayed)


def replay(rollout: Rollout, server: Server) -> int:
    """Replay every counterexample on the live server; returns how many."""
    live = LiveFlow(server)
    broken = [cell for cell in rollout.cells if cell.behaviour is not None]
    for cell in broken:
        if cell.behaviour is not None:
            live.replay(cell.behaviour, cell.goal)
    return len(broken)


def roll_out_pairs(
    pairs: Sequence[tuple[Version, Version]], bounds: Bounds, *, workers: int | None = None,
    progress: Progress | None = None,
) -> list[Rollout]:  # fmt: skip
    """The rollouts of these pairs; a version beside itself is that version alone."""
    began = time.monotonic()
    tell = progress or (lambda done, of, what: None)
    work = [(number, goal) for number in range(len(pairs)) for goal in range(len(PREDICATES))]
    cells: dict[tuple[int, int], Cell] = {}
    with ProcessPoolExecutor(workers or os.cpu_count() or 1, initializer=die_quietly_when_interrupted) as pool:
        waiting = {pool.submit(_settled, goal, pairs[number], bounds): (number, goal) for number, goal in work}
        try:
            for done, future in enumerate(as_completed(waiting), start=1):
                cells[waiting[future]] = future.result()
                tell(done, len(work), "searching")
        finally:
            pool.shutdown(wait=True, cancel_futures=True)
    seconds = time.monotonic() - began
    return [
        Rollout(a, b, tuple(cells[number, goal] for goal in range(len(PREDICATES))), seconds)
        for number, (a, b) in enumerate(pairs)
    ]


def _settled(goal: int, pair: tuple[Version, Version], bounds: Bounds) -> Cell:
    return cell_of(PREDICATES[goal], pair[0].reading or DEFAULT_READING, bounds, tuple(dict.fromkeys(pair)))


@dataclass(frozen=True)
class RolloutMatrix:
    """Every pair of versions, and each version alone."""

    rollouts: tuple[Rollout, ...]

    @cached_property
    def by_pair(self) -> dict[frozenset[str], Rollout]:
        """The rollouts by the names of both versions; one name for a version alone."""
        return {frozenset({rollout.a.name, rollout.b.name}): rollout for rollout in self.rollouts}

    @property
    def pairs(self) -> list[Rollout]:
        """The rollouts of two versions."""
        return [rollout for rollout in self.rollouts if rollout.a != rollout.b]

    def missed(self, *names: str) -> tuple[str, ...]:
        """The goals that fail with these versions at work."""
        return self.by_pair[frozenset(names)].missed

    @staticmethod
    def idle(*names: str) -> tuple[str, ...]:
        """The goals that say nothing where all of these are `before`: it records no node that jobs could leave."""
        return OF_A_RECORDED_NODE if set(names) == {BEFORE.name} else ()

    def lost(self, a: str, b: str) -> tuple[str, ...]:
        """The goals that each of both keeps alone, and that break while both are at work."""
        alone = {goal for one in (a, b) for goal in (*self.missed(one), *self.idle(one))}
        return tuple(goal.id for goal in GOALS if goal.id in self.missed(a, b) and goal.id not in alone)

    @cached_property
    def _safe(self) -> Any:
        graph = nx.Graph()
        graph.add_nodes_from(one.a.name for one in self.rollouts)
        graph.add_edges_from((one.a.name, one.b.name) for one in self.pairs if not self.lost(one.a.name, one.b.name))
        return graph

    def steps_between(self, a: str, b: str) -> list[str]:
        """The versions to go through so that each two in a row may run side by side; empty where there is no way."""
        try:
            return list(nx.shortest_path(self._safe, a, b))[1:-1]
        except nx.NetworkXNoPath:
            return []

    def follows(self) -> list[str]:
        """What follows for an upgrade, a sentence for each pair; every word of it is derived."""
        return [self.sentence(rollout.a.name, rollout.b.name) for rollout in self.pairs]

    def sentence(self, a: str, b: str) -> str:
        """Whether two versions may run side by side; if not, which goal breaks, and what the upgrade needs."""
        lost = self.lost(a, b)
        if not lost:
            return f"{a} and {b} may run side by side: nothing breaks that both keep by themselves."
        between = self.steps_between(a, b)
        way = "drain the sessions first, so that no session meets both"
        if between:
            cost = ", ".join(goal for name in between for goal in self.missed(name))
            way = f"{way}; or go by way of {', '.join(between)}, which misses {cost or 'nothing'} meanwhile"
        return f"{a} and {b} may not run side by side; broken: {', '.join(lost)}. Mend: {way}."

    def alike(self) -> list[tuple[str, ...]]:
        """The pairs that miss the very same goals, by what they miss."""
        groups: dict[tuple[str, ...], list[str]] = {}
        for one in self.pairs:
            groups.setdefault(one.missed, []).append(f"{one.a.name} beside {one.b.name}")
        return [tuple(names) for names in groups.values() if len(names) > 1]


def roll_out_all(
    bounds: Bounds | None = None, *, versions: Iterable[Version] = ALL_VERSIONS, workers: int | None = None,
    progress: Progress | None = None,
) -> RolloutMatrix:  # fmt: skip
    """Every pair of versions side by side, and each version alone."""
    known = tuple(versions)
    pairs = [*((version, version) for version in known), *combinations(known, 2)]
    return RolloutMatrix(tuple(roll_out_pairs(pairs, bounds or Bounds(), workers=workers, progress=progress)))
