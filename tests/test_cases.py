"""Are the small inputs that were judged wrongly once judged rightly now? Each says at its head what it deserves."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from turnaffinity.judging.run import run_suite, verify
from turnaffinity.stage.judge import Judge

FOLDER = Path(__file__).parent / "cases"
VERDICT = re.compile(r"-- (conforms|violates)(?:; | )?(TA-[A-Z]+-\d+)?")
EVERY_DAY = {"wrong-english-has-no-turns.lua", "wrong-the-same-source-will-do.lua"}
"""The scripts that are judged every day; they ask a thousand pools one by one, so that the others take long."""


def deserves(script: Path) -> tuple[str, str]:
    """(verdict, rule) of a script's first line; the rule is the one that it breaks, or that warns."""
    found = VERDICT.match(script.read_text(encoding="utf-8"))
    assert found is not None
    return found[1], found[2] or ""


def scripts(verdict: str) -> list[object]:
    found = [path for path in sorted((FOLDER / "scripts").glob("*.lua")) if deserves(path)[0] == verdict]
    return [
        pytest.param(path, id=path.name, marks=[] if path.name in EVERY_DAY else [pytest.mark.long]) for path in found
    ]


@pytest.mark.parametrize("script", scripts("violates"))
def test_a_wrong_script_is_caught_by_the_rule_that_its_first_line_names(script: Path) -> None:
    _, rule = deserves(script)
    with Judge("lua", str(script), seed=1) as judge:
        results = run_suite(judge, (rule,)).results
    assert "fail" in {result.outcome for result in results}


@pytest.mark.parametrize("script", scripts("conforms"))
def test_a_right_script_conforms_with_no_other_warning_of_selection_than_its_first_line_names(script: Path) -> None:
    _, rule = deserves(script)
    with Judge("lua", str(script), seed=1) as judge:
        report = verify(judge)
    assert [(each.id, each.failures[:1]) for each in report.failed] == []
    assert report.verdict == "conforms"
    assert [each.id for each in report.rules if each.status == "warn" and each.id.startswith("TA-SEL")] == [rule]
