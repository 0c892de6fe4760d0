"""Which failures are known? A TOML file names them, so that a team can adopt the kit before it conforms.

```toml
[[expect]]
rule = "TA-CLEAR-4"              # an exact id
outcome = "fail"
reason = "the fallback clear comes with the next release"
match = "solo"                   # optional: a regular expression found in the case's name, expected or observed
reading = "intent"               # optional: counts only under this reading
issue = "https://..."            # optional
expires = 2027-03-01             # optional: from the next day on the failure counts again
```
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from turnaffinity.catalogs import told
from turnaffinity.contract.decisions import Reading, parse_reading
from turnaffinity.contract.rules import RULES
from turnaffinity.judging.verdict import Report, RuleReport
from turnaffinity.problem import Problem, toml_of

MEMBERS = ("rule", "outcome", "reason", "match", "reading", "issue", "expires")
UNEXPLAINED = "known when this file was written; say here why"


@dataclass(frozen=True)
class Expectation:
    """One failure that is known: which rule, why, and under what circumstances."""

    rule: str
    reason: str
    match: str | None = None
    reading: Reading | None = None
    issue: str | None = None
    expires: date | None = None

    def counts(self, reading: Reading, today: date) -> bool:
        """Whether it speaks about a run under this reading, on this day."""
        return self.reading in (None, reading) and (self.expires is None or today <= self.expires)

    def covers(self, failure: dict[str, Any]) -> bool:
        """Whether this failure is the known one."""
        text = "\n".join(str(failure[name]) for name in ("case", "expected", "observed"))
        return self.match is None or re.search(self.match, text) is not None


def load_expectations(path: Path) -> tuple[Expectation, ...]:
    """The expected failures of a file; raises `Problem` (file, entry, what is wrong, how to mend it)."""
    try:
        document = tomllib.loads(toml_of(path, "name a TOML file that can be read"))
    except tomllib.TOMLDecodeError as error:
        raise Problem(
            str(path), f"is not a TOML file: {error}", 'write entries as: [[expect]] rule = "TA-CLEAR-4"'
        ) from error
    except (RecursionError, ValueError) as error:  # brackets within brackets, numbers of thousands of digits
        what = "is no file of expected failures: it nests too deep, or has a number too long"
        raise Problem(str(path), what, 'write entries as: [[expect]] rule = "TA-CLEAR-4"') from error
    entries = document.get("expect", [])
    if set(document) - {"expect"} or not isinstance(entries, list):
        mend = 'write entries under [[expect]], with rule = "...", outcome = "fail" and reason = "..."'
        raise Problem(str(path), "holds something else than [[expect]] entries", mend)
    return tuple(_entry(entry, f"{path}, entry {number}") for number, entry in enumerate(entries, 1))


def _entry(entry: Any, where: str) -> Expectation:
    if not isinstance(entry, dict):
        raise Problem(where, "is no table", "begin each entry with [[expect]]")
    for name in entry:
        if name not in MEMBERS:
            raise Problem(where, f'"{name}" is no member of an entry', f"use {', '.join(MEMBERS)}")
    texts = {name: _text(entry, name, where) for name in MEMBERS if name != "expires"}
    rule, outcome, reason = texts["rule"], texts["outcome"], texts["reason"]
    if rule is None or outcome is None or not reason:
        missing = next(name for name in ("rule", "outcome", "reason") if not texts[name])
        raise Problem(where, f"has no {missing}", "an entry needs rule, outcome and reason")
    if rule not in RULES:
        raise Problem(where, f'there is no rule "{rule}"', "write an exact id; list them with: turnaffinity rules")
    if outcome != "fail":
        raise Problem(where, f'outcome "{outcome}" cannot be expected', 'write outcome = "fail"')
    return Expectation(
        rule, reason, _pattern(texts["match"], where), _reading(texts["reading"], where), texts["issue"],
        _day(entry.get("expires"), where),
    )  # fmt: skip


def _text(entry: dict[str, Any], name: str, where: str) -> str | None:
    value = entry.get(name)
    if value is not None and not isinstance(value, str):
        raise Problem(where, f"{name} is {value!r}, no text", "put it between quotation marks")
    return value


def _pattern(text: str | None, where: str) -> str | None:
    try:
        re.compile(text or "")
    except (re.error, OverflowError, RecursionError) as error:
        raise Problem(where, f"match is no regular expression: {error}", "escape signs such as [ as \\\\[") from error
    return text


def _reading(text: str | None, where: str) -> Reading | None:
    try:
        return None if text is None else parse_reading(text)
    except ValueError as error:
        what, _, mend = str(error).partition("; ")
        raise Problem(f"{where}, reading", what, mend) from error


def _day(value: Any, where: str) -> date | None:
    if isinstance(value, datetime):
        return value.date()
    if value is None or isinstance(value, date):
        return value
    try:
        return date.fromisoformat(value)
    except (TypeError, ValueError) as error:
        raise Problem(where, f"expires is {value!r}, no day", "write a day such as 2027-03-01") from error


def today() -> date:
    """The day by which `expires` is judged: UTC, so that a verdict is the same everywhere."""
    return datetime.now(UTC).date()


def apply_expectations(report: Report, expectations: Iterable[Expectation], on: date | None = None) -> None:
    """Mark the failures that were expected, and list what was expected and passes now as stale.

    A rule that this run did not judge (filtered out, of another profile, unobservable) makes nothing stale.
    """
    by_id = {rule.id: rule for rule in report.rules}
    for expectation in expectations:
        rule = by_id.get(expectation.rule)
        if rule is None or not rule.cases or not expectation.counts(report.reading, on or today()):
            continue
        covered = [failure for failure in rule.failures if expectation.covers(failure)]
        for failure in covered:
            failure.setdefault("expected_by", expectation.reason)
        if not covered:
            report.stale.append(_told(expectation))
    report.expected_rules = frozenset(rule.id for rule in report.failed if _all_expected(rule))


def _all_expected(rule: RuleReport) -> bool:
    return all("expected_by" in failure for failure in rule.failures)


def _told(expectation: Expectation) -> dict[str, Any]:
    told = {"rule": expectation.rule, "reason": expectation.reason}
    optional = {"match": expectation.match, "issue": expectation.issue}
    return told | {name: value for name, value in optional.items() if value is not None}


def expectations_of(report: Report, known: Iterable[Expectation] = ()) -> list[Expectation]:
    """One expectation for each rule that fails in this run; what is `known` keeps its reason, if it still fails."""
    found: list[Expectation] = []
    for rule in report.failed:
        kept = [each for each in known if each.rule == rule.id and any(map(each.covers, rule.failures))]
        current = [replace(each, reading=report.reading) if each.reading is None else each for each in kept]
        left = [failure for failure in rule.failures if not any(each.covers(failure) for each in current)]
        found += current
        if left:
            found.append(Expectation(rule.id, UNEXPLAINED, reading=report.reading))
    return found


def expectations_as_toml(expectations: Iterable[Expectation], reading: str, lang: str = "en") -> str:
    """The file that `--write-expect` writes; `load_expectations` reads it back."""
    lines = [f"# {told('Failures that are known', lang)}: turnaffinity verify --expect-fail FILE", ""]
    for each in expectations:
        reason = told(each.reason, lang) if each.reason == UNEXPLAINED else each.reason
        lines += ["[[expect]]", f'rule = "{each.rule}"', 'outcome = "fail"', f"reason = {_quoted(reason)}"]
        lines += [f"match = {_quoted(each.match)}"] if each.match is not None else []
        lines += [f'reading = "{reading}"']
        lines += [f"issue = {_quoted(each.issue)}"] if each.issue is not None else []
        lines += [f"expires = {each.expires.isoformat()}"] if each.expires else []
        lines.append("")
    return "\n".join(lines)


def _quoted(text: str) -> str:
    # JSON's escapes are TOML's too; DEL alone TOML wants escaped
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
