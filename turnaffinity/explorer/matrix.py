"""Which combination of choices meets which goal? The whole matrix: computed, replayed live, and summed up."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from turnaffinity.contract.decisions import DECISIONS, GOALS, PRESETS, Goal, Reading, all_readings
from turnaffinity.explorer.behaviour import Behaviour, behaviour_of
from turnaffinity.explorer.bounds import Bounds
from turnaffinity.explorer.goals import PREDICATES, Predicate
from turnaffinity.explorer.live import LiveFlow
from turnaffinity.explorer.search import settle
from turnaffinity.explorer.versions import Version
from turnaffinity.server import Server

Progress = Callable[[int, int, str], None]
"""Told (done, of, what) as the work goes on."""


@dataclass(frozen=True)
class Cell:
    """One goal under one combination of choices."""

    goal: Goal
    reading: Reading
    holds: bool
    why: str
    behaviour: Behaviour | None
    """A smallest counterexample, or None where the goal holds."""
    states: int
    transitions: int
    closed: bool
    """No state was cut off by the bounds: the result holds for behaviours of any length."""
    versions: tuple[Version, ...] = ()
    """The versions of a rollout, side by side; then `reading` is the first one's."""

    @property
    def label(self) -> str:
        """Under what the goal was looked at: a reading, or the versions side by side."""
        return " beside ".join(version.name for version in self.versions) or self.reading.label

    def as_json(self) -> dict[str, Any]:
        """{"holds", "counterexample": null | [steps]}, as `explore --json` writes it."""
        return {"holds": self.holds, "counterexample": self.behaviour.as_json() if self.behaviour else None}


@dataclass(frozen=True)
class Exploration:
    """The result of a search: a cell for each of the 24 combinations and 8 goals."""

    bounds: Bounds
    cells: tuple[Cell, ...]
    seconds: float
    replayed: int = 0
    """Counterexamples that the real flow repeated on a live server."""

    @cached_property
    def by_place(self) -> dict[tuple[Reading, str], Cell]:
        """The cells by (reading, goal id)."""
        return {(cell.reading, cell.goal.id): cell for cell in self.cells}

    def cell(self, reading: Reading, goal_id: str) -> Cell:
        """One cell."""
        return self.by_place[reading, goal_id]

    def met(self, reading: Reading) -> tuple[str, ...]:
        """The ids of the goals that a combination meets, in order."""
        return tuple(goal.id for goal in GOALS if self.cell(reading, goal.id).holds)

    def missed(self, reading: Reading) -> tuple[str, ...]:
        """The ids of the goals that a combination misses, in order."""
        return tuple(goal.id for goal in GOALS if not self.cell(reading, goal.id).holds)

    @property
    def states(self) -> int:
        """States reached, names apart, in all searches together."""
        return sum(cell.states for cell in self.cells)

    @property
    def transitions(self) -> int:
        """Transitions taken, in all searches together."""
        return sum(cell.transitions for cell in self.cells)

    @property
    def meeting_all(self) -> tuple[Reading, ...]:
        """The combinations that meet every goal."""
        return tuple(reading for reading in all_readings() if not self.missed(reading))

    @property
    def closed(self) -> bool:
        """Whether every goal that holds does so for behaviours of any length."""
        return all(cell.closed for cell in self.cells if cell.holds)

    def choices_needed(self, goal_id: str) -> dict[str, tuple[str, ...]]:
        """The choices under which the goal holds, for each decision where not all will do: {"D1": ("reuse",)}.

        Only if the goal holds under exactly the combinations of these; else empty. A goal that always holds needs
        nothing.
        """
        holding = [reading.as_dict() for reading in all_readings() if self.cell(reading, goal_id).holds]
        needed = {}
        for decision in DECISIONS:
            choices = tuple(choice for choice in decision.choices if any(r[decision.id] == choice for r in holding))
            if len(choices) < len(decision.choices):
                needed[decision.id] = choices
        fitting = [r for r in map(Reading.as_dict, all_readings()) if all(r[d] in c for d, c in needed.items())]
        return needed if fitting == holding else {}

    def recommendation(self) -> list[str]:
        """What follows from the matrix, in sentences; every word of it is derived from the results."""
        best = max(all_readings(), key=lambda reading: len(self.met(reading)))
        winners = self.meeting_all or tuple(r for r in all_readings() if len(self.met(r)) == len(self.met(best)))
        lines = [
            f"{_choices(reading)} meets {'every goal' if not self.missed(reading) else ', '.join(self.met(reading))}."
            for reading in winners
        ]
        if len(winners) == 1:
            lines.insert(0, f"Choose {_choices(winners[0])}: no other combination meets as many goals.")
            lines.pop()
        for name, reading in PRESETS.items():
            missed = self.missed(reading)
            lines.append(f"{name} misses {', '.join(missed)}." if missed else f"{name} meets every goal.")
        for goal in GOALS:
            lines.append(self._needs(goal))
        return lines

    def _needs(self, goal: Goal) -> str:
        count = sum(self.cell(reading, goal.id).holds for reading in all_readings())
        if count == 24:
            return f"{goal.id} ({goal.title}) holds under every combination."
        needed = self.choices_needed(goal.id)
        if not needed:
            return f"{goal.id} ({goal.title}) holds under {count} combinations."
        choices = ", ".join(f"{decision} = {' or '.join(of_it)}" for decision, of_it in needed.items())
        return f"{goal.id} ({goal.title}) needs {choices}."

    def as_json(self) -> dict[str, Any]:
        """The result as `explore --json` writes it."""
        return {
            "bounds": self.bounds.as_dict(),
            "goals": [{"id": goal.id, "title": goal.title} for goal in GOALS],
            "combos": [
                {
                    **reading.as_dict(),
                    "reading": reading.name,
                    "goals": {goal.id: self.cell(reading, goal.id).as_json() for goal in GOALS},
                }
                for reading in all_readings()
            ],
            "states": self.states,
            "seconds": round(self.seconds, 3),
            "transitions": self.transitions,
            "closed": self.closed,
            "replayed": self.replayed,
            "recommendation": self.recommendation(),
        }


def explore(
    bounds: Bounds | None = None,
    *,
    server: Server | None = None,
    workers: int | None = None,
    progress: Progress | None = None,
) -> Exploration:
    """Settle every goal for every combination of choices.

    With a `server` every counterexample is replayed on it through the real flow before it is returned; one that
    the real flow does not repeat raises `Disagreement`. `workers`: processes, by default one for each core.
    """
    within = bounds or Bounds()
    began = time.monotonic()
    tell = progress or (lambda done, of, what: None)
    cells = tuple(sorted(_settled(within, workers or os.cpu_count() or 1, tell), key=_order))
    seconds = time.monotonic() - began
    replayed = _replay(cells, server, tell) if server is not None else 0
    return Exploration(within, cells, seconds, replayed)


def settle_reading(reading: Reading, bounds: Bounds) -> list[Cell]:
    """The eight cells of one combination."""
    return [_cell(index, reading, bounds) for index in range(len(PREDICATES))]


def _settle_readings(readings: Sequence[Reading], bounds: Bounds) -> list[Cell]:
    return [cell for reading in readings for cell in settle_reading(reading, bounds)]


def _cell(index: int, reading: Reading, bounds: Bounds) -> Cell:
    return cell_of(PREDICATES[index], reading, bounds)


def cell_of(predicate: Predicate, reading: Reading, bounds: Bounds, versions: tuple[Version, ...] = ()) -> Cell:
    """One goal settled, under a reading or with several versions side by side."""
    found = settle(predicate, reading, bounds, versions)
    behaviour = None if found.holds else behaviour_of(found.counterexample, reading, versions)
    return Cell(
        predicate.goal, reading, found.holds, found.why, behaviour, found.states, found.transitions, found.closed,
        versions,
    )  # fmt: skip


def _settled(bounds: Bounds, workers: int, tell: Progress) -> Iterator[Cell]:
    readings = list(all_readings())
    if workers == 1:
        for done, reading in enumerate(readings, start=1):
            yield from settle_reading(reading, bounds)
            tell(done, len(readings), reading.label)
        return
    with ProcessPoolExecutor(min(workers, len(readings)), initializer=die_quietly_when_interrupted) as pool:
        # both choices of D2 together: their max_duration finalizes are the same (`choices_read`)
        pairs = [(reading, replace(reading, d2="after")) for reading in readings if reading.d2 == "before"]
        waiting = [pool.submit(_settle_readings, pair, bounds) for pair in pairs]
        try:
            for done, future in enumerate(as_completed(waiting), start=1):
                yield from future.result()
                tell(2 * done, len(readings), "searching")
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def die_quietly_when_interrupted() -> None:
    """For a worker process: Python's own handler would print a traceback."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def _replay(cells: tuple[Cell, ...], server: Server, tell: Progress) -> int:
    live = LiveFlow(server)
    broken = [(cell.goal, cell.behaviour) for cell in cells if cell.behaviour is not None]
    for done, (goal, behaviour) in enumerate(broken, start=1):
        live.replay(behaviour, goal)
        tell(done, len(broken), "replayed on the live server")
    return len(broken)


_READINGS = list(all_readings())
_GOAL_IDS = [goal.id for goal in GOALS]


def _order(cell: Cell) -> tuple[int, int]:
    return _READINGS.index(cell.reading), _GOAL_IDS.index(cell.goal.id)


def _choices(reading: Reading) -> str:
    text = ", ".join(f"{decision} = {choice}" for decision, choice in reading.as_dict().items())
    return f"{text} ({reading.name})" if reading.name else text
