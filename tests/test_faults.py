"""Does `verify --faults` break every command by every fault, blame the right rule, and stay away without the option?"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from turnaffinity.cli.verifying import check_rules
from turnaffinity.contract.decisions import PRESETS
from turnaffinity.contract.rules import RULES
from turnaffinity.faults.claims import played_out
from turnaffinity.faults.play import FAULTS, FLUSHED
from turnaffinity.judging.run import verify
from turnaffinity.judging.verdict import rules_in_scope, tells_against
from turnaffinity.mutation.cases import planned_cases
from turnaffinity.mutation.flow import judge_of
from turnaffinity.mutation.mutants import Mutant, load_mutants
from turnaffinity.problem import Problem
from turnaffinity.server import Server, open_server
from turnaffinity.stage.judge import Judge
from turnaffinity.stage.stage import Stage

FAULT_RULES = [rule for rule in RULES if rule.startswith("TA-FAULT-")]
MUTANTS = [mutant for mutant in load_mutants() if mutant.rule in FAULT_RULES]


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with open_server("embedded") as live:
        yield live


def test_a_run_without_the_option_plans_and_lists_no_fault_rule() -> None:
    assert not {rule.id for rule in rules_in_scope("scheduler")} & set(FAULT_RULES)
    with Judge(seed=3) as judge:
        report = verify(judge, ("TA-LUA-*", "TA-FAULT-*"))
    assert {rule.id for rule in report.rules} == {"TA-LUA-1"}


def test_a_fault_rule_asked_for_without_the_option_is_refused_with_the_way_out() -> None:
    with pytest.raises(Problem, match="add --faults"):
        check_rules(("TA-FAULT-*",))
    assert check_rules(("ta-fault-2",), faults=True) == ("TA-FAULT-2",)


@pytest.mark.parametrize("reading", PRESETS)
def test_every_command_of_a_finalize_meets_every_fault_and_the_reference_survives(server: Server, reading: str) -> None:
    judge = Judge(reading=PRESETS[reading], faults=True)
    judge.__dict__["server"] = server
    with judge:
        for scenario in ("max_duration-open-solo", "manual-open-solo"):
            judge.server.clear()
            plays = played_out(Stage(judge, scenario), scenario)
            met = {(play.place.position, play.place.fault) for play in plays if play.argv}
            places = {position for position, _ in met}
            assert places == set(range(1, len(places) + 1))
            assert met >= {(position, fault) for position in places for fault in FAULTS if fault != FLUSHED}
            assert any(fault == FLUSHED for _, fault in met)
            for case in planned_cases("S"):
                if case.rule in FAULT_RULES and case.arguments["scenario"] == scenario:
                    assert case.run(judge).outcome in {"pass", "unobservable"}


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.id)
def test_a_mutant_that_only_a_fault_shows_is_blamed_by_its_own_rule(
    server: Server, mutant: Mutant, tmp_path: object
) -> None:
    judge = judge_of(mutant, mutant.judged_readings()[0], tmp_path)  # type: ignore[arg-type]
    assert judge.faults
    judge.__dict__["server"] = server
    with judge:
        own = (case.run(judge) for case in planned_cases("S") if case.rule == mutant.rule)
        blame = next(result for result in own if tells_against(result))
    assert mutant.expects in blame.observed


def test_every_fault_rule_has_a_mutant() -> None:
    assert list(dict.fromkeys(mutant.rule for mutant in MUTANTS)) == FAULT_RULES
