"""What survives a fault? Every command of a finalize broken once by every fault, and judged after recovery."""

import pytest

from turnaffinity.faults.claims import claim_survived
from turnaffinity.faults.play import SCENARIOS
from turnaffinity.judging.cases import case
from turnaffinity.stage.stage import Stage

each_scenario = pytest.mark.parametrize("scenario", list(SCENARIOS))
each_closing = pytest.mark.parametrize(
    "scenario", [name for name, s in SCENARIOS.items() if s.reason != "max_duration"]
)


@case("TA-FAULT-1")
@each_closing
def test_one_error_reply_in_a_closing_finalize_does_not_keep_the_turn_open(stage: Stage, scenario: str) -> None:
    claim_survived(stage, "TA-FAULT-1", scenario)


@case("TA-FAULT-2")
@each_scenario
def test_the_next_closing_finalize_closes_the_turn_whatever_broke(stage: Stage, scenario: str) -> None:
    claim_survived(stage, "TA-FAULT-2", scenario)


@case("TA-FAULT-3")
@each_scenario
def test_after_a_fault_jobs_go_where_they_would_have_gone(stage: Stage, scenario: str) -> None:
    claim_survived(stage, "TA-FAULT-3", scenario)


@case("TA-FAULT-4")
@each_scenario
def test_a_fault_brings_no_closed_turn_back(stage: Stage, scenario: str) -> None:
    claim_survived(stage, "TA-FAULT-4", scenario)


@case("TA-FAULT-5")
@each_scenario
def test_no_error_path_sets_a_ttl(stage: Stage, scenario: str) -> None:
    claim_survived(stage, "TA-FAULT-5", scenario)


@case("TA-FAULT-6")
@each_scenario
def test_a_fault_touches_no_other_session_and_nobody_elses_fields(stage: Stage, scenario: str) -> None:
    claim_survived(stage, "TA-FAULT-6", scenario)


@case("TA-FAULT-7")
@each_scenario
def test_after_a_fault_and_a_close_no_turn_key_is_left(stage: Stage, scenario: str) -> None:
    claim_survived(stage, "TA-FAULT-7", scenario)


@case("TA-FAULT-8")
@each_scenario
def test_the_process_survives_a_fault_and_goes_on(stage: Stage, scenario: str) -> None:
    claim_survived(stage, "TA-FAULT-8", scenario)
