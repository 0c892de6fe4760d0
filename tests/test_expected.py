"""Is a failure that is known told from one that is not?"""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pytest

from turnaffinity.contract.decisions import DEFAULT_READING, PRESETS, Reading
from turnaffinity.judging.expected import (
    apply_expectations,
    expectations_as_toml,
    expectations_of,
    load_expectations,
)
from turnaffinity.judging.verdict import Report, RuleReport
from turnaffinity.problem import Problem

ENTRY = '[[expect]]\nrule = "TA-CLEAR-4"\noutcome = "fail"\nreason = "next release"\n'
DAY = date(2026, 11, 24)


def failure(case: str = "test_solo", observed: str = "still there") -> dict[str, Any]:
    return {"case": case, "expected": "it gone", "observed": observed, "wire": [], "capsule": None}


def report(*failures: dict[str, Any], reading: Reading = DEFAULT_READING, passing: str = "TA-KEY-1") -> Report:
    rules = [
        RuleReport("TA-CLEAR-4", "MUST", "fail" if failures else "pass", 2, list(failures)),
        RuleReport(passing, "MUST", "pass", 1),
    ]
    return Report("scheduler", {"name": "x"}, "Valkey", reading, {"D1": None}, 1, rules)


def applied(tmp_path: Path, text: str, judged: Report) -> Report:
    file = tmp_path / "known.toml"
    file.write_text(text, encoding="utf-8")
    apply_expectations(judged, load_expectations(file), DAY)
    return judged


def test_an_expected_failure_stays_a_violation_and_leaves_with_0(tmp_path: Path) -> None:
    judged = applied(tmp_path, ENTRY, report(failure()))
    assert (judged.verdict, judged.exit_status, judged.stale) == ("violates", 0, [])
    written = judged.as_dict()["rules"][0]
    assert (written["status"], written["failures"][0]["expected_by"]) == ("fail", "next release")


def test_one_that_now_passes_is_stale_and_leaves_with_1(tmp_path: Path) -> None:
    judged = applied(tmp_path, ENTRY, report())
    assert (judged.verdict, judged.exit_status) == ("conforms", 1)
    assert judged.stale == [{"rule": "TA-CLEAR-4", "reason": "next release"}]


@pytest.mark.parametrize(
    ("more", "failures", "status", "stale"),
    [
        ('match = "solo"', [failure("test_solo")], 0, 0),
        ('match = "solo"', [failure("test_solo"), failure("test_room")], 1, 0),
        ('match = "^nothing like it$"', [failure("test_solo")], 1, 1),
        ('match = "still.there"', [failure()], 0, 0),
        ('reading = "intent"', [failure()], 0, 0),
        ('reading = "literal"', [failure()], 1, 0),
        ('reading = "D1=reuse,D4=overwrite"', [failure()], 0, 0),
        ("expires = 2026-11-24", [failure()], 0, 0),
        ("expires = 2026-11-23", [failure()], 1, 0),
        ('expires = "2026-11-23"', [], 0, 0),
        ('issue = "https://tracker/7"', [failure()], 0, 0),
    ],
)
def test_an_entry_counts_only_where_it_says(
    tmp_path: Path, more: str, failures: list[dict[str, Any]], status: int, stale: int
) -> None:
    judged = applied(tmp_path, ENTRY + more + "\n", report(*failures))
    assert (judged.exit_status, len(judged.stale)) == (status, stale)


def test_a_rule_that_was_not_judged_in_this_run_makes_nothing_stale(tmp_path: Path) -> None:
    judged = report()
    judged.rules = judged.rules[1:]
    assert applied(tmp_path, ENTRY, judged).stale == []


def test_another_rule_that_fails_is_not_covered(tmp_path: Path) -> None:
    judged = report(failure())
    judged.rules[1] = RuleReport("TA-KEY-1", "MUST", "fail", 1, [failure()])
    assert applied(tmp_path, ENTRY, judged).exit_status == 1


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (ENTRY.replace("CLEAR-4", "CLEAR-99"), 'entry 1: there is no rule "TA-CLEAR-99"'),
        (ENTRY.replace("TA-CLEAR-4", "TA-CLEAR-*"), 'entry 1: there is no rule "TA-CLEAR-*"'),
        (ENTRY.replace("TA-CLEAR-4", "ta-clear-4"), 'entry 1: there is no rule "ta-clear-4"'),
        (ENTRY + "matches = 'x'\n", 'entry 1: "matches" is no member of an entry'),
        (ENTRY.replace('"fail"', '"pass"'), 'entry 1: outcome "pass" cannot be expected'),
        (ENTRY.replace('"next release"', '""'), "entry 1: has no reason"),
        (ENTRY + "expires = 7\n", "entry 1: expires is 7, no day"),
        (ENTRY + "match = '('\n", "entry 1: match is no regular expression"),
        (ENTRY + "reading = 'sideways'\n", 'entry 1, reading: "sideways" is no reading'),
        (ENTRY + "issue = 7\n", "entry 1: issue is 7, no text"),
        ("rule = 'TA-KEY-1'\n", "holds something else than [[expect]] entries"),
        ("expect = [1]\n", "entry 1: is no table"),
        ("[[expect\n", "is not a TOML file"),
    ],
)
def test_a_file_that_cannot_be_meant_is_refused(tmp_path: Path, text: str, sentence: str) -> None:
    file = tmp_path / "known.toml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(Problem) as raised:
        load_expectations(file)
    assert sentence in str(raised.value)
    assert raised.value.exit_status == 2


def test_what_is_written_is_read_back_and_covers_the_run(tmp_path: Path) -> None:
    file = tmp_path / "known.toml"
    file.write_text(expectations_as_toml(expectations_of(report(failure())), "intent"), encoding="utf-8")
    judged = report(failure())
    apply_expectations(judged, load_expectations(file), DAY)
    assert (judged.exit_status, judged.stale) == (0, [])


def test_what_is_written_anew_keeps_the_reasons_of_those_that_still_fail(tmp_path: Path) -> None:
    file = tmp_path / "known.toml"
    reason = 'a "quoted" reason, a \\ and 中文\n\x7f'
    told = 'reason = "a \\"quoted\\" reason, a \\\\ and 中文\\n\\u007f"'
    file.write_text(
        ENTRY.replace('reason = "next release"', told) + "match = 'solo'\nissue = 'i'\nexpires = 2027-01-01\n"
    )
    known = load_expectations(file)
    assert known[0].reason == reason
    file.write_text(expectations_as_toml(expectations_of(report(failure()), known), "intent"), encoding="utf-8")
    (again,) = load_expectations(file)
    assert (again.reason, again.match, again.issue, again.expires) == (reason, "solo", "i", date(2027, 1, 1))
    assert again.reading == PRESETS["intent"]
