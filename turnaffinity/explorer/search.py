"""Is there a behaviour that breaks a goal? All of them, smallest first, so that the first one found is a smallest one.

The size of a behaviour is its finalizes plus the events of its surroundings; of two alike, the one with fewer events
inside a finalize comes first.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from operator import le

from turnaffinity.contract.decisions import Reading
from turnaffinity.explorer.bounds import SESSIONS, WATCHED, Bounds, requests
from turnaffinity.explorer.canonical import canonical_key
from turnaffinity.explorer.goals import Predicate, Seen, Step
from turnaffinity.explorer.surroundings import Setting
from turnaffinity.explorer.versions import Version
from turnaffinity.specification.oracle import Run, runs
from turnaffinity.specification.oracle_state import World

Spent = tuple[int, ...]
"""For each session: utterances closed, and max_duration finalizes of the current one."""

NameState = Callable[[World, Seen, Predicate, Setting, Bounds], Hashable]
Model = Callable[..., Iterator[Run]]


@dataclass(frozen=True, slots=True)
class Found:
    """What a search brought: a smallest behaviour that breaks the goal, or none within the bounds."""

    counterexample: tuple[Step, ...] = ()
    why: str = ""
    states: int = 0
    transitions: int = 0
    size: int = 0
    """The size of the counterexample, or of the largest behaviour that led to a new state."""
    closed: bool = True
    """No state was cut off by the bounds: the result holds for behaviours of any length."""

    @property
    def holds(self) -> bool:
        """No behaviour breaks the goal."""
        return not self.counterexample


@dataclass(slots=True)
class _Reached:
    """A state of the search, and how it was come by."""

    world: World
    seen: Seen
    spent: Spent
    key: Hashable
    parent: _Reached | None = None
    step: Step | None = None
    size: tuple[int, int] = (0, 0)
    """(finalizes and events, events inside a finalize)"""
    why: str | None = None

    def path(self) -> tuple[Step, ...]:
        steps: list[Step] = []
        at: _Reached | None = self
        while at is not None and at.step is not None:
            steps.append(at.step)
            at = at.parent
        return tuple(reversed(steps))


@dataclass(slots=True)
class Search:
    """One goal, one setting, one reading, within bounds; `name_state` decides which states are the same."""

    predicate: Predicate
    setting: Setting
    reading: Reading
    bounds: Bounds
    name_state: NameState = canonical_key
    versions: tuple[Version, ...] = ()
    """In a rollout: any finalize may be handled by any of these, the adversary chooses; `reading` is then not asked."""
    model: Model = runs
    """The pure model of the flow: the oracle's `runs`, or one with a bug planted in it."""
    max_size: int | None = None
    on_step: Callable[[Step], None] | None = None
    """Told of every transition that the search takes."""
    states: int = 0
    transitions: int = 0
    closed: bool = True
    _visited: dict[Hashable, list[Spent]] = field(default_factory=dict)

    def run(self) -> Found:
        """Search in the order of size; stops at the first behaviour that breaks the goal."""
        start = (0, 0) * len(SESSIONS)
        waiting = {(0, 0): [self._reach(world, Seen(), start) for world in self.setting.starts(self.bounds)]}
        largest = 0
        while waiting:
            order = min(waiting)
            size = order[0]
            for reached in waiting.pop(order):
                if reached.why:
                    return Found(reached.path(), reached.why, self.states, self.transitions, size, self.closed)
                if not self._is_new(reached):
                    continue
                largest = size
                if self.max_size is not None and size >= self.max_size:
                    self.closed = False
                    continue
                for after in self._successors(reached):
                    if after.why or not self._is_known(after):
                        waiting.setdefault(after.size, []).append(after)
        return Found((), "", self.states, self.transitions, largest, self.closed)

    def _successors(self, reached: _Reached) -> Iterator[_Reached]:
        for step, spent in self._steps(reached):
            self.transitions += 1
            if self.on_step is not None:
                self.on_step(step)
            seen, why = self.predicate.judge(reached.seen, step)
            inside = sum(bool(item.event) for item in step.happened) if step.run is not None else 0
            size = (reached.size[0] + 1 + inside, reached.size[1] + inside)
            yield self._reach(step.after, seen, spent, reached, step, size, why)

    def _steps(self, reached: _Reached) -> Iterator[tuple[Step, Spent]]:
        world = reached.world
        for index, session in enumerate(SESSIONS):
            for reason in ("max_duration", "manual"):
                if session == WATCHED and reason != "max_duration" and self.predicate.never_closes:
                    continue
                spent = self._spend(reached.spent, index, reason)
                if spent is None:
                    self.closed = False
                    continue
                for name, choices, model in self._handled_by(reason):
                    for step in ways(world, session, reason, choices, self.setting, self.bounds, model, name):
                        yield step, spent
        for event, after in self.setting.between(world, self.bounds):
            yield Step(world, after, event=event), reached.spent

    def _handled_by(self, reason: str) -> Iterable[tuple[str, Reading, Model]]:
        """(name, choices, model) of each version that may handle this finalize; of versions alike in it, the first."""
        if not self.versions:
            return (("", choices_read(reason, self.reading), self.model),)
        found: dict[tuple[bool, Reading], tuple[str, Reading, Model]] = {}
        for version in self.versions:
            choices = choices_read(reason, version.choices)
            found.setdefault((version.reading is None, choices), (version.name, choices, version.model))
        return found.values()

    def _spend(self, spent: Spent, index: int, reason: str) -> Spent | None:
        """What is spent after one more finalize; None if the bounds forbid it."""
        utterances, finalizes = spent[2 * index : 2 * index + 2]
        if utterances >= self.bounds.utterances:
            return None
        if reason != "max_duration":
            mine = (utterances + 1, 0)
        elif finalizes < self.bounds.max_durations:
            mine = (utterances, finalizes + 1)
        else:
            return None
        return spent[: 2 * index] + mine + spent[2 * index + 2 :]

    def _is_known(self, reached: _Reached) -> bool:
        """Whether the same state was reached before and had spent no more: it can do all that this one can."""
        before = self._visited.get(reached.key, ())
        return any(all(map(le, spent, reached.spent)) for spent in before)

    def _is_new(self, reached: _Reached) -> bool:
        if self._is_known(reached):
            return False
        self._visited.setdefault(reached.key, []).append(reached.spent)
        self.states += 1
        return True

    def _reach(
        self, world: World, seen: Seen, spent: Spent, parent: _Reached | None = None, step: Step | None = None,
        size: tuple[int, int] = (0, 0), why: str | None = None,
    ) -> _Reached:  # fmt: skip
        key = self.name_state(world, seen, self.predicate, self.setting, self.bounds)
        return _Reached(world, seen, spent, key, parent, step, size, why)


def choices_read(reason: str, reading: Reading) -> Reading:
    """The reading with the choices that a finalize of this reason does not look at set to the default's.

    A max_duration finalize never clears (D2), and a closing one neither mints beside an open turn nor writes
    (D1, D3, D4), so that combinations share their transitions. A test holds this to the oracle.
    """
    return Reading(reading.d1, d3=reading.d3, d4=reading.d4) if reason == "max_duration" else Reading(d2=reading.d2)


@lru_cache(maxsize=16384)
def ways(
    world: World, session: str, reason: str, reading: Reading, setting: Setting, bounds: Bounds, model: Model,
    version: str = "",
) -> tuple[Step, ...]:  # fmt: skip
    """Every way in which a session may finalize here; goals with the same setting share them."""
    around = setting.inside(bounds, reading)
    fresh = fresh_turn_id(world, session)
    return tuple(
        Step(world, run.world, request, run, version=version)
        for request in requests(session, reason)
        for run in model(world, request, reading, fresh_turn_id=fresh, around=around)
    )


def fresh_turn_id(world: World, session: str) -> str:
    """An id that no turn in the world has, named after the session that makes it."""
    taken = {turn for turn, _ in world.affinities} | {turn for _, turn in world.open_turns}
    number = 1
    while f"{session}-{number}" in taken:
        number += 1
    return f"{session}-{number}"


def settle(predicate: Predicate, reading: Reading, bounds: Bounds, versions: tuple[Version, ...] = ()) -> Found:
    """Search the goal's settings in order; the first behaviour that breaks it ends the search.

    With `versions` any of them may handle any finalize.
    """
    total = Found()
    for setting in predicate.settings:
        found = Search(predicate, setting, reading, bounds, versions=versions).run()
        total = Found(
            found.counterexample, found.why, total.states + found.states, total.transitions + found.transitions,
            max(total.size, found.size), total.closed and found.closed,
        )  # fmt: skip
        if not found.holds:
            break
    return total
