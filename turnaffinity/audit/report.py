"""What is the verdict on a trace? One status a rule, with the reason where nothing could be seen."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from typing import TYPE_CHECKING, Any

from turnaffinity import CONTRACT_VERSION, __version__
from turnaffinity.audit.findings import Failure
from turnaffinity.contract.decisions import PRESETS, Reading
from turnaffinity.contract.layout import KeyLayout
from turnaffinity.contract.rules import Rule, rules_of
from turnaffinity.diagnosis.traces import TraceMistake, as_members, mistakes_of_trace
from turnaffinity.judging.expected import Expectation, today
from turnaffinity.wire.monitor import parse_line

if TYPE_CHECKING:
    from turnaffinity.audit.judge import Judge

NOTHING_SEEN: dict[str, str] = {
    "TA-KEY-1": "no command on a turn key was seen",
    "TA-KEY-2": "no command on a session hash was seen",
    "TA-KEY-3": "no command of a scheduler was seen",
    "TA-TURN-1": "no session was seen to name an open turn",
    "TA-TURN-3": "no turn was seen to close",
    "TA-SEL-5": "no selection by script was seen; plain reads cannot be told from the finalize's own",
    "TA-SEL-6": "no selection by script was seen; plain reads cannot be told from the finalize's own",
    "TA-WRITE-1": "no write was seen with both of its halves",
    "TA-WRITE-2": "no write of an open turn was seen",
    "TA-WRITE-6": "no write was seen with both of its halves",
    "TA-NEVER-1": "no command on a turn key was seen",
}
NO_CLOSE = "no close of a turn that was seen open"


@dataclass
class AuditReport:
    """The verdict on a trace; `as_dict` is the shape of `verify --json` with profile "trace"."""

    rules: list[dict[str, Any]]
    whole_turns: int
    reading: str
    decisions: dict[str, str | None]
    files: list[str]
    statistics: dict[str, Any]
    lives: list[dict[str, Any]]
    lines: int
    matched: int
    gaps: int
    seconds: float
    stale: list[dict[str, Any]] = field(default_factory=list)
    expected: set[str] = field(default_factory=set)
    layout: KeyLayout = field(default_factory=KeyLayout)
    stated: dict[str, str] = field(default_factory=dict)
    """The choices of the reading that the trace was judged by; none with "auto"."""
    read_as: list[str] = field(default_factory=list)
    """What had to be done to a file before it could be read, and what is known to be missing: a sentence each."""
    cut: bool = False
    """Lines were left out of the trace, so that it cannot conform."""

    @cached_property
    def mistakes(self) -> list[TraceMistake]:
        """What is wrong, as a report lists it; found once, for every form of the report."""
        return mistakes_of_trace(self.rules)

    @property
    def failed(self) -> list[str]:
        """The rules that were broken."""
        return [rule["id"] for rule in self.rules if rule["status"] == "fail"]

    @property
    def verdict(self) -> str:
        """violates if a MUST was broken; conforms if none was, a turn was whole, no line left out; else incomplete."""
        if self.failed:
            return "violates"
        return "conforms" if self.whole_turns and not self.cut else "incomplete"

    @property
    def other_choices(self) -> list[str]:
        """Choices that were seen and that the reading does not make: no rule of a trace is about them."""
        return [
            f"{name} = {seen}, where the reading has {self.stated[name]}"
            for name, seen in self.decisions.items()
            if seen and self.stated.get(name, seen) != seen
        ]

    @property
    def unseen(self) -> list[str]:
        """The MUST rules that this trace cannot show."""
        return [rule["id"] for rule in self.rules if rule["level"] == "MUST" and rule["status"] == "unobservable"]

    @property
    def exit_status(self) -> int:
        """0 conforms, or every failure was expected and none of the expected is stale; else 1."""
        if self.stale:
            return 1
        if self.verdict == "conforms":
            return 0
        return 0 if self.failed and set(self.failed) <= self.expected and self.whole_turns else 1

    def as_dict(self) -> dict[str, Any]:
        """The whole report as plain data."""
        return {
            "kit": __version__, "contract": CONTRACT_VERSION, "profile": "trace",
            "implementation": {"name": ", ".join(self.files), "kind": "trace"}, "server": None,
            "reading": self.reading, "decisions": self.decisions, "seed": None, "verdict": self.verdict,
            "planned": len(self.rules), "executed": sum(rule["cases"] for rule in self.rules),
            "rules": self.rules, "protocol": [], "exit": self.exit_status, "stale": self.stale,
            "seconds": round(self.seconds, 3), "whole_turns": self.whole_turns, "lines": self.lines,
            "other_choices": self.other_choices, "read_as": self.read_as,
            "lines_of_interest": self.matched, "gaps": self.gaps, "unobservable": self.unseen,
            "statistics": self.statistics, "turns": self.lives, "mistakes": as_members(self.mistakes),
        }  # fmt: skip


def build_report(
    judge: Judge, reading: Reading | None, files: list[str], lines: int, matched: int, elapsed_s: float, remember: int
) -> AuditReport:
    """The report on what a judge has seen so far; `reading` None stands for "auto"."""
    judge.count_occasions()
    rules = [_rule_report(rule, judge, remember) for rule in rules_of("trace")]
    decisions = dict(judge.lives.decisions)
    return AuditReport(
        rules,
        judge.lives.whole_turns,
        reading.label if reading else _auto_label(decisions),
        decisions,
        files,
        judge.statistics.as_dict(),
        [
            {name: getattr(life, name) for name in life.__dataclass_fields__}
            for life in judge.statistics.lives
        ],
        lines,
        matched,
        judge.gaps,
        elapsed_s,
        layout=judge.layout,
        stated=reading.as_dict() if reading else {},
    )  # fmt: skip


def _auto_label(decisions: dict[str, str | None]) -> str:
    if None in decisions.values():
        return "auto"
    return next((name for name, reading in PRESETS.items() if reading.as_dict() == decisions), "auto")


def _rule_report(rule: Rule, judge: Judge, remember: int) -> dict[str, Any]:
    findings = judge.findings
    told = findings.failures.get(rule.id, [])
    warned = findings.warnings.get(rule.id, [])
    occasions = findings.occasions[rule.id]
    broken = findings.broken[rule.id]
    reasons: list[str] = []
    if told:
        status = "warn" if rule.level == "SHOULD" else "fail"
    elif warned:
        status = "warn"
        reasons.append("done by a connection that was not seen writing, clearing or selecting")
    elif rule.id in findings.unobservable:
        status = "unobservable"
        reasons.append(findings.unobservable[rule.id])
    elif occasions:
        status = "pass"
    else:
        status = "unobservable"
        reasons.append(NOTHING_SEEN.get(rule.id, NO_CLOSE))
    if f"{rule.id} upper" in findings.unobservable:
        status = "warn" if status == "pass" else status
        reasons.append(findings.unobservable[f"{rule.id} upper"])
    if rule.id == "TA-TURN-3" and judge.lives.forgotten:
        reasons.append(f"looked back over the latest {remember} turns")
    return {
        "id": rule.id, "level": rule.level, "status": status, "cases": max(occasions, broken),
        "held": max(0, occasions - broken), "broken": broken,
        "failures": [_failure(failure) for failure in told if rule.level != "SHOULD"],
        "reasons": reasons,
        "warnings": [_failure(failure) for failure in (*warned, *(told if rule.level == "SHOULD" else ()))],
    }  # fmt: skip


def _failure(failure: Failure) -> dict[str, Any]:
    return {
        "case": f"line {failure.line}", "line": failure.line, "cause_line": failure.cause_line,
        "file": failure.file or None, "client": failure.client,
        "expected": failure.expected, "observed": failure.observed,
        "wire": [
            {
                "client": command.client, "argv": list(command.argv),
                "broken": line == failure.line, "line": line,
            }
            for line, text in (*failure.before, *failure.after)
            if (command := parse_line(text, line)) is not None
        ],
        "capsule": None,
    }  # fmt: skip


def apply_expected(report: AuditReport, expected: Iterable[Expectation], on: date | None = None) -> None:
    """Mark the failures that were expected; those that did not come are stale.

    An entry for another reading, for a rule that no trace is judged by, or past its `expires` day, expects nothing.
    A rule that this trace could not show is never stale.
    """
    day = on or today()
    rules = {rule["id"]: rule for rule in report.rules}
    for entry in expected:
        rule = rules.get(entry.rule)
        if rule is None or not _counts(entry, report, day):
            continue
        hits = [failure for failure in rule["failures"] if entry.covers(failure)]
        for failure in hits:
            failure["expected_by"] = entry.reason
        if not hits and rule["status"] in ("pass", "warn"):
            report.stale.append({"rule": entry.rule, "reason": entry.reason})
    report.expected = {
        name
        for name, rule in rules.items()
        if rule["failures"] and all("expected_by" in failure for failure in rule["failures"])
    }


def _counts(entry: Expectation, report: AuditReport, day: date) -> bool:
    # a trace under `auto` may come without a reading of four choices: its report has only the word
    of_this_reading = entry.reading is None or entry.reading.label == report.reading
    return of_this_reading and (entry.expires is None or day <= entry.expires)
