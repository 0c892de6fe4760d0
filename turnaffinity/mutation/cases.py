"""Which cases notice the mistake? The suite's own cases, run one after the other without pytest around them.

A wrong implementation is judged hundreds of times here, and pytest costs more than the cases themselves; a rule that
has failed is known to be broken, so that its other cases need not run.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

from turnaffinity.contract.rules import judged_only_with_faults
from turnaffinity.judging.suite import case_functions
from turnaffinity.judging.verdict import CaseResult, settled, tells_against, unanswered
from turnaffinity.stage.evidence import NotJudged, Violation
from turnaffinity.stage.judge import Judge
from turnaffinity.stage.stage import SITES, Stage

AXES: dict[str, tuple[str, ...]] = {"site": SITES, "reason": ("manual", "timeout")}
"""What the plugin runs a case once for, if the case asks for it by the argument's name."""


@dataclass(frozen=True)
class PlannedCase:
    """One case with its arguments; `name` is as pytest would show it, near enough."""

    rule: str
    name: str
    title: str
    function: Callable[..., Any]
    arguments: dict[str, Any]

    def run(self, judge: Judge) -> CaseResult:
        """Play the case on a cleared server, and say what came of it."""
        judge.clear()
        stage = Stage(judge, self.name, rule=self.rule)
        try:
            self.function(stage, **self.arguments)
        except NotJudged as error:
            return CaseResult(self.rule, self.name, error.outcome, self.title, reason=error.reason)
        except Violation as error:
            return CaseResult(
                self.rule, self.name, "fail", self.title, expected=error.expected, observed=error.observed,
                unanswered=unanswered(self.rule, error), steps=tuple(stage.steps),
                wire=error.wire_as_data(),
            )  # fmt: skip
        except (AssertionError, KeyError, IndexError, TypeError, ValueError) as error:  # as the plugin has it
            observed = f"{type(error).__name__}: {error}"
            return CaseResult(self.rule, self.name, "fail", self.title, expected="the case to run", observed=observed)
        warnings = tuple(stage.warnings)
        return CaseResult(self.rule, self.name, "warn" if warnings else "pass", self.title, warnings=warnings)


@cache
def planned_cases(profile: str) -> tuple[PlannedCase, ...]:
    """The cases of a profile ("L" or "S") with every combination of their arguments, in the files' order."""
    found: list[PlannedCase] = []
    for case, function in case_functions():
        if profile in case.profiles:
            for arguments in _argument_sets(function):
                label = "-".join(str(value) for value in arguments.values())
                name = f"{function.__name__}[{label}]" if label else function.__name__
                found.append(PlannedCase(case.rule, name, case.title, function, arguments))
    return tuple(found)


def _argument_sets(function: Callable[..., Any]) -> Iterator[dict[str, Any]]:
    axes: list[list[dict[str, Any]]] = []
    for mark in reversed(getattr(function, "pytestmark", [])):
        if mark.name == "parametrize":
            names = mark.args[0] if isinstance(mark.args[0], tuple) else (mark.args[0],)
            rows = [value if len(names) > 1 else (value,) for value in mark.args[1]]
            axes.append([dict(zip(names, row, strict=True)) for row in rows])
    wanted = function.__code__.co_varnames[: function.__code__.co_argcount]
    axes += [[{name: value} for value in values] for name, values in AXES.items() if name in wanted]
    for parts in itertools.product(*axes):
        yield {name: value for part in parts for name, value in part.items()}


def run_cases(
    judge: Judge, profile: str, *, first: str | None = None, at_first: bool = False, thorough: bool = False,
    leave_out: Iterable[str] = (),
) -> dict[str, list[CaseResult]]:  # fmt: skip
    """The outcomes by rule. A rule's cases end with its first failure, unless `thorough`; with `at_first` the run too.

    The cases of the rule `first` come before the others. `leave_out` names rules that are not judged.
    """
    skipped = set(leave_out)
    planned = [case for case in planned_cases(profile) if judged_only_with_faults(case.rule) == judge.faults]
    cases = [case for case in planned if case.rule not in skipped]
    if first:
        cases.sort(key=lambda case: case.rule != first)
    results: dict[str, list[CaseResult]] = {}
    broken: set[str] = set()
    for case in cases:
        if case.rule in broken:
            continue
        result = case.run(judge)
        results.setdefault(case.rule, []).append(result)
        if tells_against(result):
            if not result.unanswered and not thorough:  # whose that is shows when all are done
                broken.add(case.rule)
            if at_first:
                break
    by_rule: dict[str, list[CaseResult]] = {rule: [] for rule in results}
    for result in settled([result for outcomes in results.values() for result in outcomes]):
        by_rule[result.rule].append(result)
    return by_rule


def blamed(results: dict[str, list[CaseResult]]) -> frozenset[str]:
    """The rules that tell against the implementation."""
    return frozenset(rule for rule, outcomes in results.items() if any(tells_against(outcome) for outcome in outcomes))
