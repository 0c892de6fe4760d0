"""Which rule kills which mutant? Every mutant judged, side by side in a few processes, and what came of it."""

from __future__ import annotations

import fnmatch
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from turnaffinity.contract.decisions import Reading
from turnaffinity.contract.rules import RULES
from turnaffinity.judging.cores import keep_to_core
from turnaffinity.judging.forked import Take, Tell, forked
from turnaffinity.judging.verdict import CaseResult
from turnaffinity.mutation.cases import blamed, run_cases
from turnaffinity.mutation.flow import judge_of
from turnaffinity.mutation.mutants import Mutant
from turnaffinity.problem import CannotRun
from turnaffinity.server import Server, open_server

Status = Literal["killed", "killed-by-neighbour", "survived"]
Told = Callable[[int, int], None]
"""Told (done, planned) after each mutant."""

WORKERS = 2
MOST_ON_ONE_SERVER = 30
"""Mutants judged before a process takes a fresh server: their connections are closed with it."""


@dataclass(frozen=True)
class Death:
    """What became of one mutant: who blamed it in each of its readings, and how the owner put it."""

    mutant: Mutant
    killed_by: tuple[str, ...]
    """The rules that blame it, in the contract's order: its own only if it does so in every reading."""
    unseen: tuple[str, ...]
    """The rules whose every case came to no verdict."""
    said: str
    """What the owner's failure says: expected and observed, of every reading."""
    seconds: float = 0.0

    @property
    def status(self) -> Status:
        """killed by its own rule, by a neighbour only, or not at all."""
        if self.mutant.rule in self.killed_by:
            return "killed"
        return "killed-by-neighbour" if self.killed_by else "survived"

    @property
    def undeclared(self) -> list[str]:
        """The rules that blame it though the mutant does not say so."""
        return [rule for rule in self.killed_by if rule != self.mutant.rule and rule not in self.mutant.breaks]

    @property
    def untouched(self) -> list[str]:
        """The neighbours that it says it breaks and that did not blame it."""
        return [rule for rule in RULES if rule in self.mutant.breaks and rule not in self.killed_by]

    def mark(self, rule: str) -> str:
        """One cell of the matrix: "own", "neighbour", "missed" (its own rule passed it), "unseen", or ""."""
        if rule in self.killed_by:
            return "own" if rule == self.mutant.rule else "neighbour"
        if rule == self.mutant.rule:
            return "unseen" if rule in self.unseen else "missed"
        return ""


@dataclass
class Matrix:
    """All deaths, in the contract's order of the mutants' rules."""

    deaths: list[Death] = field(default_factory=list)
    rules: tuple[str, ...] = tuple(RULES)
    seconds: float = 0.0

    @property
    def rules_without_mutant(self) -> list[str]:
        """The rules, whatever their level, that kill no mutant of their own."""
        own = {death.mutant.rule for death in self.deaths if death.status == "killed"}
        return [rule for rule in self.rules if rule not in own]

    @property
    def gaps(self) -> list[str]:
        """Those of them that are a MUST or a DECISION."""
        return [rule for rule in self.rules_without_mutant if RULES[rule].level != "SHOULD"]

    @property
    def exit_status(self) -> int:
        """0 only if every MUST and every DECISION kills a mutant of its own."""
        return 1 if self.gaps else 0

    def as_dict(self) -> dict[str, Any]:
        """The shape of `--json`; members beyond it come after."""
        return {
            "mutants": [
                {
                    "id": death.mutant.id, "kind": death.mutant.kind, "rule": death.mutant.rule,
                    "killed_by": list(death.killed_by), "status": death.status,
                    "readings": list(death.mutant.readings), "museum": death.mutant.museum,
                    "mistake": death.mutant.mistake, "said": death.said, "undeclared": death.undeclared,
                    "untouched": death.untouched, "seconds": round(death.seconds, 1),
                }
                for death in self.deaths
            ],
            "rules_without_mutant": self.rules_without_mutant,
            "seconds": round(self.seconds, 1),
        }  # fmt: skip


def selected(mutants: Sequence[Mutant], globs: Sequence[str]) -> list[Mutant]:
    """The mutants whose rule, or whose own id, matches one of the globs; all where there is none."""
    if not globs:
        return list(mutants)
    return [m for m in mutants if any(fnmatch.fnmatchcase(m.rule, g) or fnmatch.fnmatchcase(m.id, g) for g in globs)]


def run_matrix(mutants: Sequence[Mutant], *, workers: int = WORKERS, told: Told | None = None, seed: int = 0) -> Matrix:
    """Judge every mutant; the slow kinds first, so that the processes end together.

    Raises `CannotRun` if a process ends without its results, and what a worker raised (as `CannotRun`).
    """
    started = time.monotonic()
    order = sorted(range(len(mutants)), key=lambda i: ({"adapter": 0, "flow": 1, "lua": 2}[mutants[i].kind], i))
    deaths: dict[int, Death] = {}
    for index, death in shared_out(order, lambda server, index: judge_mutant(mutants[index], server, seed), workers):
        deaths[index] = death
        if told:
            told(len(deaths), len(mutants))
    rules = tuple(rule for rule in RULES if any(m.rule == rule for m in mutants)) if len(mutants) else ()
    everything = {m.rule for m in mutants} >= {r.id for r in RULES.values() if r.level != "SHOULD"}
    return Matrix(
        [deaths[index] for index in sorted(deaths)], tuple(RULES) if everything else rules, time.monotonic() - started
    )


def judge_mutant(mutant: Mutant, server: Server, seed: int = 0) -> Death:
    """Judge one mutant in each of its readings: its own rule's cases first, then all others."""
    started = time.monotonic()
    by_reading: list[frozenset[str]] = []
    said: list[str] = []
    unseen: set[str] = set()
    for reading in mutant.judged_readings():
        results = results_of(mutant, reading, server, seed)
        by_reading.append(blamed(results))
        own = [result for result in results.get(mutant.rule, []) if result.outcome in {"fail", "warn"}]
        said += [_told(result) for result in own]
        judged = {rule for rule, outcomes in results.items() if any(o.outcome in _JUDGED for o in outcomes)}
        unseen |= results.keys() - judged
    killed = frozenset.union(*by_reading)
    if not all(mutant.rule in rules for rules in by_reading):
        killed -= {mutant.rule}
    in_order = tuple(rule for rule in RULES if rule in killed)
    return Death(mutant, in_order, tuple(sorted(unseen)), " | ".join(said), time.monotonic() - started)


_JUDGED = {"pass", "fail", "warn"}


def _told(result: CaseResult) -> str:
    return f"{result.case}: expected {result.expected}; observed {result.observed}" + "; ".join(result.warnings)


def results_of(mutant: Mutant, reading: Reading, server: Server, seed: int = 0) -> dict[str, list[CaseResult]]:
    """The suite's outcomes for one mutant under one reading, by rule; each rule's cases end with a failure."""
    with tempfile.TemporaryDirectory(prefix="turnaffinity-mutant-") as folder:
        judge = judge_of(mutant, reading, Path(folder), seed=seed).on(server)
        with judge:
            return run_cases(judge, "L" if mutant.kind == "lua" else "S", first=mutant.rule)


def shared_out(
    tasks: Sequence[int], carry_out: Callable[[Server, int], Any], workers: int
) -> Iterator[tuple[int, Any]]:
    """Carry out the tasks in processes with a server each; yields (task, result) as they come."""

    def work(number: int, take: Take, tell: Tell) -> None:
        keep_to_core(number)
        while True:
            with open_server("embedded") as server:
                for _ in range(MOST_ON_ONE_SERVER):
                    task = take()
                    if task is None:
                        return
                    try:
                        tell((task, carry_out(server, task), ""))
                    except Exception as error:  # told to the parent, which stops
                        tell((task, None, f"{type(error).__name__}: {error}"))

    done = 0
    for task, result, error in forked(tasks, work, max(1, min(workers, len(tasks)))):
        if error:
            raise CannotRun(f"task {task}", error, "see `turnaffinity mutants --help`")
        done += 1
        yield task, result
    if done < len(tasks):
        raise CannotRun("the matrix", "a process ended without its results", "run it again")
