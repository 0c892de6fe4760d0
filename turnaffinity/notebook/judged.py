"""Does the kit catch it? One rule's cases, run on an implementation, with the first failure in full."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from turnaffinity.contract.decisions import DEFAULT_READING, Reading
from turnaffinity.contract.rules import RULES
from turnaffinity.judging.verdict import CaseResult
from turnaffinity.mutation.cases import PlannedCase, planned_cases
from turnaffinity.notebook.implementation import Implementation
from turnaffinity.notebook.variants import Variant
from turnaffinity.problem import Problem
from turnaffinity.server import token
from turnaffinity.showing.finding import finding
from turnaffinity.showing.names import Names
from turnaffinity.showing.shown import Shown, padded
from turnaffinity.showing.wording import Words
from turnaffinity.stage.evidence import NotJudged, Outcome, Violation
from turnaffinity.stage.judge import Judge
from turnaffinity.stage.stage import Stage


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

    def lines(self, width: int | None = None) -> list[str]:
        """One line for a rule that holds; the first failure, with its commands, for one that does not."""
        words = Words()
        if not self.caught:
            if not self.executed:
                return [words.told(f"{self.rule} cannot be judged for {self.implementation}")]
            return [words.told(f"{self.rule} holds for {self.implementation}: {self.executed} cases, none fails")]
        first, names = self.failures[0], Names(token=token(0))
        head = words.told(f"{self.rule} is broken by {self.implementation}")
        if first.outcome == "warn":
            head += words.told(" (a warning)")
        if first.warnings:
            return [head, *(f"  {words.told(names.apply(warning))}" for warning in first.warnings)]
        found = {"expected": first.expected, "observed": first.observed, "wire": first.wire}
        shown = finding(found, names, scripts=self.scripts)
        return [
            head,
            f"  {padded(words('case'), 8)}  {words.told(first.title)}",
            *(f"  {line}" for line in shown.lines(width)),
        ]


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
        # who does not do what it SHOULD is warned, as in a verdict
        outcome: Outcome = "warn" if RULES[case.rule].level == "SHOULD" else "fail"
        return CaseResult(
            case.rule, case.name, outcome, case.title, expected=error.expected, observed=error.observed,
            wire=error.wire_as_data(),
        )  # fmt: skip
    except (AssertionError, KeyError, IndexError, TypeError, ValueError) as error:  # as the kit's own plugin has it
        observed = f"{type(error).__name__}: {error}"
        return CaseResult(case.rule, case.name, "fail", case.title, expected="the case to run", observed=observed)
    warnings = tuple(stage.warnings)
    return CaseResult(case.rule, case.name, "warn" if warnings else "pass", case.title, warnings=warnings)
