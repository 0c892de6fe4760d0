"""Is a right scheduler with other choices told, in one mistake, which reading it keeps?"""

from dataclasses import replace

import pytest
from test_rollouts import example

from turnaffinity.contract.decisions import PRESETS, parse_reading
from turnaffinity.diagnosis.causes import of_one_cause
from turnaffinity.diagnosis.choices import is_one_under, other_choices
from turnaffinity.diagnosis.mistakes import mistakes_of, unknown_mistake
from turnaffinity.diagnosis.patterns import known_mistakes
from turnaffinity.judging.run import verify
from turnaffinity.judging.verdict import Report
from turnaffinity.stage.judge import Judge

RULES = ["TA-TURN-4", "TA-WRITE-*", "TA-CLEAR-3", "TA-NEVER-2"]


@pytest.fixture(scope="module")
def report() -> Report:
    with Judge("adapter", example("steady"), seed=3) as judge:
        return verify(judge, RULES)


def test_all_that_comes_of_other_choices_is_one_mistake_with_the_reading_to_judge_by(report: Report) -> None:
    assert other_choices(report) == {"D2": "after", "D3": "after-first-job", "D4": "repair"}
    (mistake,) = mistakes_of(report)
    assert "D2 = after (it clears after its own jobs), D3 = after-first-job" in mistake.says["en"]
    assert "--reading steady. If not, make it D2 = before" in mistake.mend["en"]
    assert "--reading steady。" in mistake.mend["zh"]
    assert len(mistake.cases) == sum(result.outcome == "fail" for result in report.results)
    assert {"TA-CLEAR-3", "TA-WRITE-4", "TA-WRITE-5"} <= set(mistake.rules)


def test_other_choices_are_the_cause_of_nothing_else(report: Report) -> None:
    (chosen,) = mistakes_of(report)
    scene = replace(chosen.scene, wire=tuple({**command, "broken": True} for command in chosen.scene.wire))
    chosen = replace(chosen, scene=scene)
    beside = replace(unknown_mistake([scene]), cases=chosen.cases)
    assert len(of_one_cause([replace(chosen, of_choices=False), beside], report.layout)) == 1
    assert len(of_one_cause([chosen, beside], report.layout)) == 2


def test_one_other_choice_keeps_the_sentence_of_the_mistake_that_it_may_be() -> None:
    with Judge("adapter", example("intent"), reading=PRESETS["literal"], seed=3) as judge:
        report = verify(judge, ["TA-TURN-4", "TA-SEL-8"])
    head = mistakes_of(report)[0]
    assert head.looks_like == "reuses-though-it-says-mint"
    assert head.mend["en"].endswith(" If D1 = reuse is meant, judge by it: --reading intent.")
    assert head.mend["zh"].endswith("如果 D1 = reuse 是有意的，请按它来判定：--reading intent。")


def test_a_mistake_against_a_choice_is_none_where_that_choice_was_not_made() -> None:
    known = {each.id: each for each in known_mistakes()}
    assert not is_one_under(known["overwrites-though-it-says-write-once"], PRESETS["intent"])
    assert is_one_under(known["overwrites-though-it-says-write-once"], parse_reading("D4=repair"))
    assert is_one_under(known["first-write-stays"], PRESETS["intent"])
    assert all(is_one_under(each, PRESETS["literal"]) for each in known.values() if each.rule == "TA-KEY-1")


def test_what_is_judged_by_its_own_choices_has_none_other() -> None:
    with Judge("adapter", example("steady"), seed=3, auto=True) as judge:
        report = verify(judge, ["TA-CLEAR-3"])
    assert other_choices(report) == {}
    assert mistakes_of(report) == []
