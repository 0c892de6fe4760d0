"""Does the kit notice mistakes nobody thought of? Every small change of the reference, judged until it is blamed."""

from __future__ import annotations

import time
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from turnaffinity.contract.decisions import Reading, parse_reading
from turnaffinity.mutation.cases import blamed, run_cases
from turnaffinity.mutation.flow import judge_of
from turnaffinity.mutation.matrix import Told, shared_out
from turnaffinity.mutation.mutants import Mutant, Patch, mutants_folder, source_of
from turnaffinity.mutation.operators import FLOW_FILES, LUA_FILES, Change, changes
from turnaffinity.problem import Problem
from turnaffinity.server import Server

READINGS = ("intent", "continuous", "literal", "D4=write-once", "D4=repair", "steady")
"""A change counts as noticed if it is blamed under one of these; together they run every line of the flow."""

SURVIVORS = "survivors.toml"
"""The list of changes that no rule blames, each with the reason why that is right."""


@dataclass(frozen=True)
class Fate:
    """What became of one change: the first rule that blamed it, under which reading, or nothing."""

    change: Change
    rule: str
    reading: str
    seconds: float

    @property
    def survived(self) -> bool:
        """Whether no rule blamed it under any reading."""
        return not self.rule


def all_changes() -> list[Change]:
    """Every change of the three scripts and of the flow, in the files' order."""
    return [change for file in (*LUA_FILES, *FLOW_FILES) for change in changes(file, source_of(file))]


def judge_change(change: Change, server: Server, seed: int = 0) -> Fate:
    """Judge one change until the first rule blames it: a script's by selection too, all by whole finalizes."""
    started = time.monotonic()
    script = change.file == "select_node.lua"
    for kind, reading in [("lua", "intent")] * script + [("flow", reading) for reading in READINGS]:
        rule = _first_blame(change, kind, parse_reading(reading), server, seed)
        if rule:
            return Fate(change, rule, reading, time.monotonic() - started)
    return Fate(change, "", "", time.monotonic() - started)


def _first_blame(change: Change, kind: str, reading: Reading, server: Server, seed: int) -> str:
    patch = Patch(change.file, source_of(change.file), change.text)
    mutant = Mutant(change.id, kind, "TA-KEY-1", "", "", patches=(patch,))  # type: ignore[arg-type]
    try:
        judge = judge_of(mutant, reading, Path(), seed=seed).on(server)
        with judge:
            found = blamed(run_cases(judge, "L" if kind == "lua" else "S", at_first=True))
    except Exception as error:  # it does not even load, or breaks the judge's own talk with it
        return type(error).__name__
    return min(found) if found else ""


def run_machine(
    found: Sequence[Change], *, workers: int = 2, told: Told | None = None, seed: int = 0
) -> list[Fate]:  # fmt: skip
    """Judge every change, in so many processes; raises `CannotRun` if one of them ends without its results."""
    fates: dict[int, Fate] = {}
    for index, fate in shared_out(
        range(len(found)), lambda server, index: judge_change(found[index], server, seed), workers
    ):
        fates[index] = fate
        if told:
            told(len(fates), len(found))
    return [fates[index] for index in sorted(fates)]


def reasons(folder: Path | None = None) -> dict[str, str]:
    """The known survivors with their reasons; raises `Problem` for one without a reason, or named twice."""
    path = (folder or mutants_folder()) / SURVIVORS
    known: dict[str, str] = {}
    for entry in tomllib.loads(path.read_text(encoding="utf-8")).get("survivor", []):
        why = entry.get("why", "").strip()
        for name in entry.get("changes", []):
            if not why or name in known:
                what = "has no reason, or stands there twice"
                raise Problem(f'{path.name}, "{name}"', what, "say once why it may survive")
            known[name] = why
    return known


@dataclass(frozen=True)
class Balance:
    """All fates against the list of survivors."""

    fates: Sequence[Fate]
    known: dict[str, str]

    @property
    def unexplained(self) -> list[Fate]:
        """Changes that nobody blames and nobody explains: a case is missing, or a reason."""
        return [fate for fate in self.fates if fate.survived and fate.change.id not in self.known]

    @property
    def stale(self) -> list[str]:
        """Listed as survivors, and blamed by now, or no change of the reference any more."""
        survived = {fate.change.id for fate in self.fates if fate.survived}
        return [name for name in self.known if name not in survived]

    @property
    def exit_status(self) -> int:
        """0 only if the list says exactly what survives."""
        return 1 if self.unexplained or self.stale else 0


def as_dict(balance: Balance) -> dict[str, Any]:
    """All fates as plain data; `why` is the reason for which a survivor is no gap."""
    rows = [
        {
            "change": fate.change.id, "line": fate.change.line, "killed_by": fate.rule or None,
            "reading": fate.reading or None, "why": balance.known.get(fate.change.id),
        }
        for fate in balance.fates
    ]  # fmt: skip
    unexplained = [fate.change.id for fate in balance.unexplained]
    return {"changes": rows, "unexplained": unexplained, "stale": balance.stale}
