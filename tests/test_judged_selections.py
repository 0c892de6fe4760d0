"""Are selections judged as the words of the rules say? What one run asks, and what is only a warning."""

from __future__ import annotations

import pytest

from turnaffinity.contract.decisions import parse_reading
from turnaffinity.mutation.cases import PlannedCase, planned_cases
from turnaffinity.mutation.flow import judge_of
from turnaffinity.mutation.mutants import Mutant, Patch
from turnaffinity.stage.judge import Judge
from turnaffinity.stage.languages import USUAL
from turnaffinity.stage.stage import Stage

READ = "local recorded = turn_id ~= '' and call('HGET', turn_key(turn_id), AFFINITY_FIELD)\n"
AGAIN = "if recorded then call('HSET', turn_key(turn_id), AFFINITY_FIELD, recorded) end\n"
SAME_AGAIN = Patch("select_node.lua", READ, READ + AGAIN)


def cases(rule: str, profile: str, part: str = "") -> list[PlannedCase]:
    return [case for case in planned_cases(profile) if case.rule == rule and part in case.name]


@pytest.mark.parametrize(("kind", "name"), [("lua", "the_affinity_holds_in"), ("reference", "every_job_goes_to")])
def test_each_usual_language_is_source_and_target_of_an_affinity_case_in_every_run(kind: str, name: str) -> None:
    (case,) = [c for c in cases("TA-SEL-1", "S", "of_the_usual_languages") if name in c.name]
    pairs: set[tuple[str, str]] = set()
    with Judge(kind, "lua/select_node.lua" if kind == "lua" else "") as judge:  # type: ignore[arg-type]
        judge.clear()
        stage = Stage(judge, case.name)
        case.function(stage, **case.arguments)
    for step in stage.steps:
        if step["op"] == "select":
            src, _, tgt = step["pair"].partition(":")
            pairs.add((src, tgt))
        elif step["op"] == "finalize":
            pairs |= {(step["src_lang"], tgt) for tgt in step["room_langs"] or [step["tgt_lang"]]}
    assert {src for src, _ in pairs} == {tgt for _, tgt in pairs} == set(USUAL)
    assert ("zh", "en") in pairs


@pytest.mark.parametrize(("kind", "profile"), [("lua", "L"), ("flow", "S")])
def test_writing_the_very_affinity_again_is_a_warning_and_no_violation(kind: str, profile: str, tmp_path) -> None:
    again = Mutant("the-same-again", kind, "TA-SEL-6", "", "", patches=(SAME_AGAIN,))  # type: ignore[arg-type]
    with judge_of(again, parse_reading("intent"), tmp_path) as judge:
        results = [case.run(judge) for case in cases("TA-SEL-6", profile)]
    assert [result for result in results if result.outcome == "fail"] == []
    warnings = [warning for result in results for warning in result.warnings]
    assert warnings
    assert all(warning.startswith("a selection writes what stands there already: HSET") for warning in warnings)
