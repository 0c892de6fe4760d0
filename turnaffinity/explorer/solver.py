"""Does a second, standard tool come to the same result? The goals as a question to the SMT solver z3.

Written anew from the contract's text, with no code of the oracle or the search: the speech is unrolled into a fixed
number of finalizes, every draw, room and failure is a free variable, and z3 is asked for values that break the goal.
Needs `pip install turnaffinity[solver]`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import z3

from turnaffinity.contract.decisions import Reading, all_readings

SOLVED_GOALS = ("G1", "G2", "G3", "G4", "G6", "G7")
NODES = 3
NONE = -1
JOBS = 2
"""Jobs of a batch at most; the second one may be missing."""


@dataclass
class Speech:
    """One utterance of one session, unrolled; integers are nodes, NONE is no node."""

    reading: Reading
    finalizes: int
    """max_duration finalizes; the closing one comes after them."""
    fails: bool = False
    """Whether one node goes offline for good, at a time of z3's choice."""
    constraints: list[Any] = field(default_factory=list)
    nodes: list[list[Any]] = field(default_factory=list)
    """nodes[k][j]: where job j of finalize k went; NONE if there is no such job."""
    stands: list[Any] = field(default_factory=list)
    """stands[k]: what the open turn records after finalize k."""
    keys: list[Any] = field(default_factory=list)
    """keys[k]: turn keys after finalize k."""

    def __post_init__(self) -> None:
        self.dead = z3.Int("dead")
        self.dies_at = z3.Int("dies_at")
        self.ticks = 0
        self.constraints += [self.dead >= 0, self.dead < NODES]
        self.constraints.append(self.dies_at >= 0 if self.fails else self.dies_at == -1)
        recorded: Any = z3.IntVal(NONE)
        keys: Any = z3.IntVal(0)
        self.begins: list[int] = []
        self.before: list[Any] = []
        for number in range(self.finalizes):
            recorded, keys = self._extend(number, recorded, keys)
        self._close(recorded, keys)

    def is_offline(self, node: Any, tick: int) -> Any:
        """Whether the node is offline at this point in time; time counts steps, and a death takes place before one."""
        return z3.And(self.dies_at != -1, self.dies_at <= tick, node == self.dead)

    def _tick(self) -> int:
        self.ticks += 1
        return self.ticks

    def _batch(self, number: int, recorded_of: Any, after_first: Any) -> list[Any]:
        """The jobs of one batch: the first selects by `recorded_of`, the second by `after_first(first job's node)`."""
        nodes: list[Any] = []
        for job in range(JOBS):
            tick = self._tick()
            node = z3.Int(f"node_{number}_{job}")
            recorded = recorded_of if not nodes else after_first(nodes[0])
            routed = z3.If(
                z3.And(recorded != NONE, z3.Not(self.is_offline(recorded, tick))),
                node == recorded,
                z3.And(node >= 0, node < NODES, z3.Not(self.is_offline(node, tick))),
            )
            self.constraints.append(z3.Or(routed, node == NONE) if nodes else routed)
            nodes.append(node)
        self.nodes.append(nodes)
        return nodes

    def _written(self, existing: Any, node: Any, tick: int, reading: Reading | None = None) -> Any:
        d4 = (reading or self.reading).d4
        if d4 == "overwrite":
            return node
        if d4 == "write-once":
            return z3.If(existing == NONE, node, existing)
        return z3.If(z3.Or(existing == NONE, self.is_offline(existing, tick)), node, existing)

    def _extend(self, number: int, recorded: Any, keys: Any) -> tuple[Any, Any]:
        self.begins.append(self.ticks + 1)
        self.before.append(recorded)
        starts = z3.IntVal(NONE) if self.reading.d1 == "mint" else recorded
        written: list[Any] = []

        def after_first(node: Any) -> Any:
            if self.reading.d3 == "after-batch":
                return starts
            written.append(self._written(starts, node, self._tick()))
            return written[0]

        nodes = self._batch(number, starts, after_first)
        stands = written[0] if written else self._written(starts, nodes[0], self._tick())
        self.stands.append(stands)
        makes_key = z3.BoolVal(True) if self.reading.d1 == "mint" else recorded == NONE
        self.keys.append(keys + z3.If(makes_key, 1, 0))
        return stands, self.keys[-1]

    def _close(self, recorded: Any, keys: Any) -> None:
        self.begins.append(self.ticks + 1)
        selects_by = recorded if self.reading.d2 == "after" else z3.IntVal(NONE)
        self._batch(self.finalizes, selects_by, lambda node: selects_by)
        self.keys.append(keys - z3.If(recorded != NONE, 1, 0))

    def broken(self, goal_id: str) -> Any:
        """The statement that the goal fails."""
        if goal_id == "G4":
            return self.keys[-1] > 0
        if goal_id == "G7":
            return z3.Or([count > 1 for count in self.keys[:-1]])
        statements = {"G1": self._g1, "G2": self._g2, "G3": self._g3, "G6": self._g6}
        return statements[goal_id]()

    def _elsewhere(self, nodes: list[Any], wanted: Any) -> Any:
        return z3.And(wanted != NONE, z3.Or([z3.And(node != NONE, node != wanted) for node in nodes]))

    def _g1(self) -> Any:
        return z3.Or([self._elsewhere(nodes, self.stands[0]) for nodes in self.nodes[1 : self.finalizes]])

    def _g2(self) -> Any:
        return self._elsewhere(self.nodes[-1], self.stands[-1])

    def _g3(self) -> Any:
        return z3.Or([self._elsewhere(nodes[1:], nodes[0]) for nodes in self.nodes[: self.finalizes]])

    def _g6(self) -> Any:
        """The recorded node dies in or before finalize k; two jobs from finalize k+1 on go to different nodes."""
        ways = []
        for k in range(1, self.finalizes):
            # a death before finalize k begins, or inside it, makes k the first one after it
            from_, to = self.begins[k - 1] + self._length(k - 1), self.begins[k] + self._length(k) - 1
            in_time = z3.And(self.dies_at >= from_, self.dies_at <= to, self.dead == self.before[k])
            later = [node for nodes in self.nodes[k + 1 : self.finalizes] for node in nodes]
            apart = [z3.And(a != NONE, b != NONE, a != b) for i, a in enumerate(later) for b in later[:i]]
            ways.append(z3.And(in_time, z3.Or(apart)))
        return z3.Or(ways)

    def _length(self, k: int) -> int:
        return self.begins[k + 1] - self.begins[k]


@dataclass
class MixedSpeech(Speech):
    """The same with two versions at work: who handles a finalize is a free variable. None: the one before the note."""

    sides: tuple[Reading | None, Reading | None] = (None, None)

    def _of_either(self, number: int, values: list[Any]) -> Any:
        return z3.If(z3.Bool(f"by_the_first_{number}"), *values)

    def _extend(self, number: int, recorded: Any, keys: Any) -> tuple[Any, Any]:
        self.begins.append(self.ticks + 1)
        self.before.append(recorded)
        none = z3.IntVal(NONE)
        starts = [none if side is None or side.d1 == "mint" else recorded for side in self.sides]
        seen: list[Any] = []

        def after_first(node: Any) -> Any:
            tick = self._tick()
            for side, start in zip(self.sides, starts, strict=True):
                early = side is not None and side.d3 == "after-first-job"
                seen.append(self._written(start, node, tick, side) if early else start)
            return self._of_either(number, seen)

        nodes = self._batch(number, self._of_either(number, starts), after_first)
        late, stands, made = self._tick(), [], []
        for side, start, value in zip(self.sides, starts, seen, strict=True):
            if side is None:
                stands.append(recorded)
            else:
                stands.append(value if side.d3 == "after-first-job" else self._written(start, nodes[0], late, side))
            new = z3.BoolVal(side is not None and side.d1 == "mint")
            made.append(z3.If(z3.Or(new, z3.And(side is not None, recorded == NONE)), 1, 0))
        self.stands.append(self._of_either(number, stands))
        self.keys.append(keys + self._of_either(number, made))
        return self.stands[-1], self.keys[-1]

    def _close(self, recorded: Any, keys: Any) -> None:
        self.begins.append(self.ticks + 1)
        none = z3.IntVal(NONE)
        by = [recorded if side is not None and side.d2 == "after" else none for side in self.sides]
        selects_by = self._of_either(self.finalizes, by)
        self._batch(self.finalizes, selects_by, lambda node: selects_by)
        gone = [z3.If(z3.And(side is not None, recorded != NONE), 1, 0) for side in self.sides]
        self.keys.append(keys - self._of_either(self.finalizes, gone))


def holds_side_by_side(a: Reading | None, b: Reading | None, goal_id: str, finalizes: int = 4) -> bool:
    """Whether no speech breaks the goal while either version may handle each finalize; None: the one before the note.

    G5 and G8 are not modelled, as for one reading: they ask for a second utterance, and for pools that differ.
    """
    for length in range(1, finalizes + 1):
        speech = MixedSpeech(a or b or next(all_readings()), length, fails=goal_id == "G6", sides=(a, b))
        solver = z3.Solver()
        solver.add(*speech.constraints, speech.broken(goal_id))
        if solver.check() == z3.sat:
            return False
    return True


def solve(finalizes: int = 4) -> dict[tuple[Reading, str], bool]:
    """For each combination and each goal that is modelled, whether z3 finds no way to break it."""
    return {(reading, goal): holds(reading, goal, finalizes) for reading in all_readings() for goal in SOLVED_GOALS}


def holds(reading: Reading, goal_id: str, finalizes: int = 4) -> bool:
    """Whether no speech of one up to so many max_duration finalizes breaks the goal."""
    for length in range(1, finalizes + 1):
        speech = Speech(reading, length, fails=goal_id == "G6")
        solver = z3.Solver()
        solver.add(*speech.constraints, speech.broken(goal_id))
        if solver.check() == z3.sat:
            return False
    return True
