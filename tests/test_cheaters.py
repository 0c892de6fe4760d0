"""Can the kit be had? Adapters that answer well without doing the work; each is a real process, and none conforms."""

from __future__ import annotations

import json
import sys

import pytest

from turnaffinity.contract.decisions import PRESETS
from turnaffinity.judging.run import find_reading, verify
from turnaffinity.judging.verdict import Report
from turnaffinity.mutation.mutants import mutants_folder
from turnaffinity.stage.judge import Judge


def judged(name: str, reading: str = "intent", rules: tuple[str, ...] = ()) -> Report:
    """The report; a filtered run that fails tells that the whole one would."""
    command = f"{sys.executable} {mutants_folder() / 'cheaters' / name}"
    with Judge("adapter", command, reading=PRESETS[reading], seed=7) as judge:
        return verify(judge, rules)


def blamed(report: Report) -> set[str]:
    return {rule.id for rule in report.failed}


@pytest.mark.long
def test_a_table_of_the_vectors_answers_does_not_conform():
    report = judged("table_of_answers.py", rules=("TA-TURN-*", "TA-WRITE-1", "TA-CLEAR-1"))
    assert report.verdict == "violates"
    assert report.exit_status == 1
    assert {"TA-TURN-6", "TA-WRITE-1", "TA-CLEAR-1"} <= blamed(report)


def test_the_table_knows_what_the_vectors_ask():
    """Else the test above would show nothing."""
    sys.path.insert(0, str(mutants_folder() / "cheaters"))
    try:
        import table_of_answers
    finally:
        sys.path.pop(0)
    table = table_of_answers.learned()
    vectors = [json.loads(path.read_text(encoding="utf-8")) for path in table_of_answers.VECTORS.glob("TA-*/*.json")]
    requests = [step for vector in vectors for step in vector["when"] if step["op"] == "finalize"]
    assert requests
    assert all(table_of_answers.asked(request) in table for request in requests)


@pytest.mark.parametrize(
    "reading", ["intent", *(pytest.param(r, marks=pytest.mark.soak) for r in ("literal", "continuous"))]
)
def test_a_flow_played_in_memory_does_not_conform(reading):
    report = judged("never_asks_redis.py", reading, ("TA-SEL-2", "TA-WRITE-1", "TA-CLEAR-1"))
    assert report.verdict == "violates"
    assert {"TA-SEL-2", "TA-WRITE-1", "TA-CLEAR-1"} <= blamed(report)


@pytest.mark.long
def test_who_supports_nothing_is_incomplete_and_has_passed_nothing():
    report = judged("supports_nothing.py")
    assert report.verdict != "conforms"
    assert report.exit_status == 1
    assert {rule.status for rule in report.rules} <= {"not-claimed", "not-run", "unobservable"}


@pytest.mark.long
def test_a_decision_that_is_claimed_and_not_made_violates_the_reading():
    report = judged("claims_what_it_is_not.py", rules=("TA-TURN-4", "TA-WRITE-4"))
    assert report.verdict == "violates"
    assert report.implementation["claims"]["D1"] == "reuse"
    assert report.decisions["D1"] == "mint"
    assert "TA-TURN-4" in blamed(report)


@pytest.mark.long
def test_the_reading_is_found_by_deeds_and_not_by_claims():
    command = f"{sys.executable} {mutants_folder() / 'cheaters' / 'claims_what_it_is_not.py'}"
    with Judge("adapter", command, auto=True, seed=7) as judge:
        assert find_reading(judge).d1 == "mint"
