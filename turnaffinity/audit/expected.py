"""Which failures of a trace were expected? The file of `--expect-fail` is the one that `verify` reads."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

from turnaffinity.audit.report import AuditReport
from turnaffinity.judging.expected import Expectation, today


def apply_expected(report: AuditReport, expected: Iterable[Expectation], on: date | None = None) -> None:
    """Mark the failures that were expected; those that did not come are stale (DESIGN, section 6).

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
