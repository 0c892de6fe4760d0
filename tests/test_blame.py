"""Is a mistake blamed on the rule whose claim it makes false, and on no other?"""

import sys
from pathlib import Path

import pytest

from turnaffinity.contract.decisions import PRESETS
from turnaffinity.contract.layout import KeyLayout
from turnaffinity.contract.rules import RULES
from turnaffinity.faults.claims import Plays, claim_survived
from turnaffinity.judging.run import verify
from turnaffinity.judging.verdict import CaseResult, Report, rule_reports, settled
from turnaffinity.stage.business import contracts, is_binding, of_turns_and_sessions, under
from turnaffinity.stage.evidence import Follows, NotRun
from turnaffinity.stage.judge import Judge
from turnaffinity.stage.stage import Stage
from turnaffinity.stage.state import KeyState, State, difference

STRANGERS = Path(__file__).parent / "strangers"
LAYOUT = KeyLayout()


def judged(stranger: str, reading: str = "intent", *, auto: bool = False) -> Report:
    command = f"{sys.executable} {STRANGERS / 'wrong' / stranger}"
    with Judge("adapter", command, reading=PRESETS[reading], auto=auto, seed=1) as judge:
        return verify(judge)


def statuses(report: Report) -> dict[str, str]:
    return {rule.id: rule.status for rule in report.rules}


# whole runs


@pytest.mark.long
def test_a_batch_that_ends_at_the_first_job_without_a_node_is_blamed_on_the_rules_that_say_otherwise() -> None:
    report = judged("no_node_raises_at_once.py", "continuous")
    assert [rule.id for rule in report.failed] == ["TA-TURN-6", "TA-SEL-7", "TA-CLEAR-4"]
    assert {statuses(report)[rule] for rule in ("TA-KEY-1", "TA-BIND-1", "TA-CLEAR-6")} == {"pass"}
    followed = {rule.id: rule.follows for rule in report.rules if rule.status == "not-run"}
    assert followed == dict.fromkeys(("TA-WRITE-1", "TA-WRITE-4", "TA-CLEAR-1"), ("TA-TURN-6",))


@pytest.mark.soak
def test_a_choice_that_is_always_the_first_breaks_one_rule_and_the_others_say_that_nothing_can_be_told() -> None:
    report = judged("always_the_first.py")
    assert [rule.id for rule in report.failed] == ["TA-SEL-2"]
    unsettled = [rule for rule in report.rules if rule.status == "not-run"]
    assert {"TA-KEY-1", "TA-KEY-3", "TA-SEL-3", "TA-SEL-4", "TA-SEL-8", "TA-NEVER-2", "TA-NEVER-3"} <= {
        rule.id for rule in unsettled
    }
    assert {rule.follows for rule in unsettled} == {("TA-SEL-2",)}


@pytest.mark.long
def test_a_choice_that_was_not_seen_is_not_named() -> None:
    report = judged("no_affinity_at_all.py", auto=True)
    assert report.decisions == {"D1": None, "D2": None, "D3": None, "D4": None}
    assert report.verdict == "violates"


# a missing answer


def failed(rule: str, unanswered: str = "") -> CaseResult:
    return CaseResult(rule, "case", "fail", expected="an answer", observed="error", unanswered=unanswered)


def outcomes(*results: CaseResult) -> dict[str, tuple[str, tuple[str, ...]]]:
    return {result.rule: (result.outcome, result.follows) for result in settled(results)}


def test_what_follows_from_a_missing_answer_is_said_so_where_its_owner_failed() -> None:
    found = outcomes(failed("TA-TURN-6"), failed("TA-BIND-1", "no_node"), failed("TA-KEY-2"))
    assert found["TA-BIND-1"] == ("not-run", ("TA-TURN-6",))
    assert found["TA-TURN-6"] == found["TA-KEY-2"] == ("fail", ())


def test_a_missing_answer_that_no_owner_met_stays_with_whoever_met_it() -> None:
    passed = CaseResult("TA-TURN-6", "case", "pass")
    assert outcomes(passed, failed("TA-BIND-1", "no_node"))["TA-BIND-1"] == ("fail", ())
    assert outcomes(failed("TA-BIND-1", "no_node"))["TA-BIND-1"] == ("fail", ())


def test_an_error_of_a_clear_that_had_nothing_to_clear_is_owned_by_its_rule() -> None:
    found = outcomes(failed("TA-CLEAR-2"), failed("TA-TURN-6", "redis"), failed("TA-SEL-2", "redis"))
    assert found["TA-TURN-6"] == found["TA-SEL-2"] == ("not-run", ("TA-CLEAR-2",))


def test_a_clear_that_changes_too_much_owns_no_answer_without_a_node() -> None:
    found = outcomes(failed("TA-CLEAR-2"), failed("TA-BIND-1", "no_node"))
    assert found["TA-BIND-1"] == ("fail", ())


def test_a_rule_some_of_whose_cases_were_not_run_did_not_pass() -> None:
    left = CaseResult("TA-NEVER-3", "b", "not-run", reason="why", follows=("TA-SEL-2",))
    rule = rule_reports([RULES["TA-NEVER-3"]], [CaseResult("TA-NEVER-3", "a", "pass"), left])[0]
    assert (rule.status, rule.cases, rule.reasons, rule.follows) == ("not-run", 1, ["why"], ("TA-SEL-2",))


@pytest.mark.parametrize(("expected", "status"), [({"TA-SEL-2"}, 0), (set(), 1)])
def test_what_follows_from_an_expected_failure_is_expected_too(expected: set[str], status: int) -> None:
    left = CaseResult("TA-NEVER-3", "b", "not-run", reason="why", follows=("TA-SEL-2",))
    rules = rule_reports([RULES["TA-SEL-2"], RULES["TA-NEVER-3"]], [failed("TA-SEL-2"), left])
    report = Report("scheduler", {}, "", PRESETS["intent"], {}, 0, rules, expected_rules=frozenset(expected))
    assert (report.verdict, report.exit_status) == ("violates", status)


# what is the contract's business


def hashed(**fields: str) -> KeyState:
    return KeyState("hash", fields)


NODE = {LAYOUT.node_key("n1"): hashed(load="1"), LAYOUT.node_pools_key("n1"): hashed(pair="0")}


@pytest.mark.parametrize(
    ("key", "ours"),
    [
        ("scheduler:turn:T1", True),
        ("scheduler:turn:T1:lock", True),
        ("scheduler:session:s1", True),
        ("lingua:v1:job:J1:node", True),
        ("lingua:v1:node:n2", True),
        ("lingua:v1:job:J1", False),
        ("lingua:v1:job:J1:preferred:node", False),
        ("lingua:v1:node:n1:jobs", False),
        ("lingua:v1:metrics:jobs", False),
        ("scheduler:room:r1", False),
        ("turn:T1", False),
    ],
)
def test_a_key_that_appears_matters_where_it_is_the_contracts_and_nowhere_else(key: str, ours: bool) -> None:
    before, after = State(NODE), State(NODE | {key: hashed(turn_id="T1", node_id="n1")})
    assert bool(difference(contracts(LAYOUT, before).keys, contracts(LAYOUT, after).keys)) is ours


def test_a_node_that_counts_its_jobs_is_the_node_it_was() -> None:
    counted = NODE | {LAYOUT.node_key("n1"): hashed(load="2")}
    assert not difference(contracts(LAYOUT, State(NODE)).keys, contracts(LAYOUT, State(counted)).keys)


def test_a_node_that_is_gone_may_be_taken_out_of_its_pools_and_one_that_is_online_may_not() -> None:
    pool = LAYOUT.pool_key("zh:en", 0)
    both, one, none = (State(NODE | {pool: KeyState("set", frozenset(found))}) for found in (("n1", "n2"), ("n1",), ()))
    assert not difference(contracts(LAYOUT, both).keys, contracts(LAYOUT, one).keys)
    assert difference(contracts(LAYOUT, one).keys, contracts(LAYOUT, none).keys)


def test_a_job_id_that_looks_odd_is_bound_where_the_job_is_known() -> None:
    key = LAYOUT.job_key("shard:7:J1")
    assert not is_binding(LAYOUT, key)
    assert is_binding(LAYOUT, key, ["shard:7:J1"])


# what was left out


def test_a_scenario_whose_plays_were_left_out_did_not_pass() -> None:
    with Judge(faults=True) as judge:
        stage = Stage(judge, "case", rule="TA-FAULT-1")
        plays = judge.fault_plays["manual-open-solo", judge.reading] = Plays()
        claim_survived(stage, "TA-FAULT-1", "manual-open-solo")
        plays.left = 3
        with pytest.raises(NotRun, match="3 of 3 places"):
            claim_survived(stage, "TA-FAULT-1", "manual-open-solo")


def test_a_case_that_follows_says_from_which_rule() -> None:
    assert Follows("TA-SEL-2", "the choice is fixed").reason == "follows from TA-SEL-2: the choice is fixed"


def test_keys_of_other_kinds_that_begin_as_turn_keys_do_are_none_of_them() -> None:
    layout = KeyLayout(
        turn="mt:{turn_id}:turn", node="mt:n:{node_id}", pool="mt:{pair}:p{pool_id}", job="mt:job:{job_id}"
    )
    turns = {"mt:t1:turn", "mt:t1:turn:old", "mt:left-behind"}
    others = {"mt:n:n1", "mt:zh:en:p0", "mt:job:j1"}
    state = State({key: KeyState("string", "x") for key in (*turns, *others)})
    assert set(under(layout, state, "turn")) == turns
    assert set(of_turns_and_sessions(layout, state)) == turns
