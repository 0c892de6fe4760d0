"""Which failures were expected? The file of `--expect-fail`, for a trace."""

from __future__ import annotations

import datetime
import re
import tomllib
from pathlib import Path
from typing import Any

from turnaffinity.audit.report import AuditReport
from turnaffinity.contract.rules import RULES
from turnaffinity.problem import Problem

KNOWN = {"rule", "outcome", "reason", "match", "reading", "issue", "expires"}


def load_expected(path: Path) -> list[dict[str, Any]]:
    """The `[[expect]]` tables of a TOML file; raises `Problem` (exit 2) for an unknown rule or a bad table."""
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise Problem(str(path), error.strerror or "cannot be read", "name a file that can be read") from error
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise Problem(str(path), f"is not TOML: {error}", 'write [[expect]] tables with rule = "TA-..."') from error
    expected = data.get("expect", [])
    if not isinstance(expected, list) or not all(isinstance(entry, dict) for entry in expected):
        raise Problem(str(path), "expect is no list of tables", "write [[expect]] above each")
    for number, entry in enumerate(expected, start=1):
        where = f"{path}, expect {number}"
        rule = entry.get("rule")
        if rule not in RULES:
            raise Problem(where, f'"{rule}" is no rule', "list the rules with: turnaffinity rules")
        if entry.get("outcome") != "fail" or not isinstance(entry.get("reason"), str):
            raise Problem(where, 'needs outcome = "fail" and a reason', "say why it is expected")
        if odd := sorted(set(entry) - KNOWN):
            raise Problem(where, f"{odd[0]} is not known", f"use {', '.join(sorted(KNOWN))}")
        try:
            re.compile(str(entry.get("match", "")))
        except re.error as error:
            raise Problem(where, f"match is no pattern: {error}", "write a regular expression") from error
    return expected


def apply_expected(report: AuditReport, expected: list[dict[str, Any]], today: datetime.date | None = None) -> None:
    """Mark the failures that were expected; those that did not come are stale (DESIGN, section 6).

    `match` is searched in a failure's case, expected and observed texts; an entry for another reading, for a rule
    that no trace is judged by, or past its `expires` day, expects nothing.
    """
    day = today or datetime.datetime.now(datetime.UTC).date()
    rules = {rule["id"]: rule for rule in report.rules}
    for entry in expected:
        rule = rules.get(entry["rule"])
        if (
            rule is None
            or entry.get("reading", report.reading) != report.reading
            or _is_over(entry.get("expires"), day)
        ):
            continue
        hits = [failure for failure in rule["failures"] if _matches(entry, failure)]
        for failure in hits:
            failure["expected_by"] = entry["reason"]
        if not hits and rule["status"] in ("pass", "warn"):
            report.stale.append({"rule": entry["rule"], "reason": entry["reason"]})
    report.expected = {
        name
        for name, rule in rules.items()
        if rule["failures"] and all("expected_by" in failure for failure in rule["failures"])
    }


def _matches(entry: dict[str, Any], failure: dict[str, Any]) -> bool:
    text = f"{failure['case']} {failure['expected']} {failure['observed']}"
    return re.search(str(entry.get("match", "")), text) is not None


def _is_over(expires: Any, day: datetime.date) -> bool:
    if isinstance(expires, datetime.datetime):
        expires = expires.date()
    if isinstance(expires, str):
        try:
            expires = datetime.date.fromisoformat(expires)
        except ValueError:
            return False
    return isinstance(expires, datetime.date) and expires < day
