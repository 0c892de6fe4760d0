"""Is an implementation that finds no node at all told so in one sentence?"""

import sys
from pathlib import Path

import pytest

from turnaffinity.judging.preflight import NO_NODE
from turnaffinity.judging.run import verify
from turnaffinity.reports.verdict_terminal import console_for, print_report
from turnaffinity.stage.judge import Judge

STRANGERS = Path(__file__).parent / "strangers"

ELSEWHERE = """
import sys
sys.path.insert(0, {folder!r})
from varied import Varied, serve

class Elsewhere(Varied):
    def init(self):
        self.layout["pool"] = "{pool}"
        {more}

serve(Elsewhere)
"""


def adapter(folder: Path, pool: str, more: str = "pass") -> str:
    path = folder / "elsewhere.py"
    path.write_text(ELSEWHERE.format(folder=str(STRANGERS), pool=pool, more=more), encoding="utf-8")
    return f"{sys.executable} {path}"


def test_pools_that_are_named_otherwise_are_told_in_one_sentence_in_place_of_the_rules(tmp_path: Path) -> None:
    with Judge("adapter", adapter(tmp_path, "prod:pool:{pair}:{pool_id}"), seed=1) as judge:
        report = verify(judge)
    assert report.verdict == "incomplete"
    assert report.exit_status == 1
    assert report.planned == 0
    assert {rule.status for rule in report.rules} == {"not-run"}
    assert {reason for rule in report.rules for reason in rule.reasons} == {NO_NODE}
    assert report.protocol == []
    console = console_for(100)
    with console.capture() as capture:
        print_report(report, console=console)
    said = capture.get()
    assert said.count(NO_NODE) == 1
    assert "TA-" not in said


def test_an_implementation_that_finds_nodes_is_judged_by_its_rules(tmp_path: Path) -> None:
    with Judge("adapter", adapter(tmp_path, "lingua:v1:pool:{pair}:{pool_id}:nodes"), seed=1) as judge:
        report = verify(judge, ("TA-SEL-7",))
    assert [(rule.id, rule.status) for rule in report.rules] == [("TA-SEL-7", "pass")]


@pytest.mark.long
def test_one_that_finds_nodes_for_closing_jobs_alone_is_judged_by_its_rules(tmp_path: Path) -> None:
    more = "self.extend_turn = lambda *asked: ('', [])"
    with Judge("adapter", adapter(tmp_path, "lingua:v1:pool:{pair}:{pool_id}:nodes", more), seed=1) as judge:
        report = verify(judge, ("TA-WRITE-1",))
    assert [(rule.id, rule.status) for rule in report.rules] == [("TA-WRITE-1", "fail")]
