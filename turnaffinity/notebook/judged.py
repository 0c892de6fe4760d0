"""Does the kit catch it? One rule's cases, run on an implementation, with the first failure in full."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from turnaffinity.contract.decisions import DEFAULT_READING, Reading
from turnaffinity.contract.layout import KeyLayout
from turnaffinity.contract.rules import RULES
from turnaffinity.judging.evidence import NotJudged, Outcome, Violation
from turnaffinity.judging.judge import Judge
from turnaffinity.judging.stage import Stage
from turnaffinity.judging.verdict import CaseResult
from turnaffinity.mutation.cases import PlannedCase, planned_cases
from turnaffinity.notebook.implementation import Implementation
from turnaffinity.notebook.names import Names
from turnaffinity.notebook.showing import Shown, wire_view
from turnaffinity.notebook.variants import Variant
from turnaffinity.problem import Problem
from turnaffinity.server import token
from turnaffinity.wire.command import Command
from turnaffinity.wire.meaning import SCRIPT_CALLS

MOST_WIRE = 24
"""So many commands of a failure are shown; the rest is counted."""


CASE_NAME = re.compile(rf"([A-Za-z]+\d+)-{token(0)}\.[0-9A-F]{{16}}_Ends-Here\.(?:a-0|x_Y|Q\.z|-_\.|0\.A)")
"""A name that the judge made up for one run: "node1-<token>..."; the page shows what stands before the token, and
what a case put after it, so that names that begin alike stay apart."""


class CaseNames(Names):
    """Short names that also take the tokens out of the judge's own."""

    def apply(self, text: str) -> str:
        """The text with short names."""
        return super().apply(CASE_NAME.sub(r"\1", text))


@dataclass(frozen=True, repr=False)
class Judged(Shown):
    """What came of one rule's cases."""

    rule: str
    implementation: str
    results: tuple[CaseResult, ...]
    scripts: dict[str, str] = field(default_factory=dict)

    @property
    def failures(self) -> tuple[CaseResult, ...]:
        """The cases that failed, or (for a SHOULD) that warned."""
        return tuple(result for result in self.results if result.outcome in {"fail", "warn"})

    @property
    def caught(self) -> bool:
        """Whether the rule was seen broken."""
        return bool(self.failures)

    @property
    def holds(self) -> bool:
        """Whether no case failed. A rule that this implementation cannot be judged by does not stand against it."""
        return not any(result.outcome == "fail" for result in self.results)

    @property
    def executed(self) -> int:
        """How many cases came to a verdict."""
        return sum(result.outcome in {"pass", "warn", "fail"} for result in self.results)

    def lines(self) -> list[str]:
        """One line for a rule that holds; the first failure, with its commands, for one that does not."""
        if not self.caught:
            if not self.executed:
                return [f"{self.rule} cannot be judged for {self.implementation}"]
            return [f"{self.rule} holds for {self.implementation}: {self.executed} cases, none fails"]
        first, names = self.failures[0], CaseNames()
        head = f"{self.rule} is broken by {self.implementation}"
        if first.outcome == "warn":
            head += " (a warning)"
        if first.warnings:
            return [head, *(f"  {names.apply(warning)}" for warning in first.warnings)]
        for part in (part for line in first.wire for part in line["argv"]):
            if match := KeyLayout().patterns["job"].fullmatch(part):
                names.job(match["job_id"])  # before the sentences, which would take a job's id for a turn's
        told = [f"case      {first.title}", f"expected  {names.apply(first.expected)}"]
        told.append(f"observed  {names.apply(first.observed)}")
        return [head, *(f"  {line}" for line in told), *self._wire(first, names)]

    def _wire(self, first: CaseResult, names: Names) -> list[str]:
        layout = KeyLayout()
        whole = _without_loading(first.wire)
        start = max((n for n, line in enumerate(whole) if line["broken"]), default=0)
        start = max(0, start - MOST_WIRE + 2)
        shown = whole[start : start + MOST_WIRE]
        commands = [Command(tuple(line["argv"]), line["client"]) for line in shown]
        if not commands:
            return []
        broken = [position for position, line in enumerate(shown) if line["broken"]]
        view = wire_view(commands, layout, names, self.scripts, broken=broken)
        rest = len(whole) - len(shown)
        return [*(f"  {line}" for line in view.lines()), *([f"      and {rest} more"] if rest else [])]


def _without_loading(wire: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The commands without the scripts' texts on their way to the server, and the calls that asked for them in vain."""
    kept: list[dict[str, Any]] = []
    for line in wire:
        name = line["argv"][0].upper()
        if name in {"SCRIPT", "FUNCTION"} and not line["broken"]:
            continue
        if kept and name in SCRIPT_CALLS and kept[-1]["argv"] == line["argv"]:
            kept.pop()
        kept.append(line)
    return kept


def judge(implementation: Implementation | Variant, rule_id: str, *, reading: Reading | None = None) -> Judged:
    """Run the kit's cases of one rule on an implementation, on a server of its own.

    The cases are those of `turnaffinity verify`, by its default seed. Without a `reading` it is the one that a variant
    claims to follow, else `intent`. Raises `CannotRun` if the implementation cannot be run.
    """
    wrong = implementation if isinstance(implementation, Variant) else None
    chosen = reading or (wrong.reading if wrong else DEFAULT_READING)
    with implementation.judged_by(chosen) as judging:
        results = tuple(_until_one_fails(cases_for(judging, rule_id), judging))
        scripts = wrong.scripts if wrong else getattr(judging.subject, "scripts", {})
    return Judged(rule_id, implementation.name, results, dict(scripts))


def cases_for(judging: Judge, rule_id: str) -> list[PlannedCase]:
    """The cases of a rule that a judge plays; raises `Problem` if the rule has none at all."""
    found = {case.name: case for letter in sorted(judging.profiles()) for case in planned_cases(letter)}
    wanted = [case for case in found.values() if case.rule == rule_id]
    if not wanted and not any(case.rule == rule_id for letter in "LS" for case in planned_cases(letter)):
        raise Problem(f'rule "{rule_id}"', "has no case", "see `turnaffinity rules` for the ids")
    return wanted


def _until_one_fails(cases: list[PlannedCase], judging: Judge) -> Iterator[CaseResult]:
    """The outcomes in order; the first failure settles the matter, and is the one that is shown."""
    for case in cases:
        result = _outcome(case, judging)
        yield result
        if result.outcome == "fail" or result.observed:
            return


def _outcome(case: PlannedCase, judging: Judge) -> CaseResult:
    """What came of one case, its commands included."""
    judging.server.clear()
    stage = Stage(judging, case.name)
    try:
        case.function(stage, **case.arguments)
    except NotJudged as error:
        return CaseResult(case.rule, case.name, error.outcome, case.title, reason=error.reason)
    except Violation as error:
        wire = tuple({"client": line.client, "argv": list(line.argv), "broken": line.broken} for line in error.wire)
        # who does not do what it SHOULD is warned, as in a verdict
        outcome: Outcome = "warn" if RULES[case.rule].level == "SHOULD" else "fail"
        return CaseResult(
            case.rule, case.name, outcome, case.title, expected=error.expected, observed=error.observed, wire=wire
        )
    except (AssertionError, KeyError, IndexError, TypeError, ValueError) as error:  # as the kit's own plugin has it
        observed = f"{type(error).__name__}: {error}"
        return CaseResult(case.rule, case.name, "fail", case.title, expected="the case to run", observed=observed)
    warnings = tuple(stage.warnings)
    return CaseResult(case.rule, case.name, "warn" if warnings else "pass", case.title, warnings=warnings)
