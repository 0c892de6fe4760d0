"""Is a verdict never better than its evidence? From the cases' outcomes to one word."""

from typing import Any

import pytest

from turnaffinity.contract.decisions import PRESETS, reading_from
from turnaffinity.contract.rules import RULES
from turnaffinity.judging.verdict import (
    CaseResult,
    Report,
    decisions_seen,
    rule_reports,
    rules_in_scope,
    single_choices,
)

SCHEDULER = rules_in_scope("scheduler")


def outcomes(**changed: str) -> list[CaseResult]:
    """Every rule of a scheduler passed once, but for those named here (TA_SEL_1="fail")."""
    other = {name.replace("_", "-"): outcome for name, outcome in changed.items()}
    return [
        CaseResult(rule.id, "case", other.get(rule.id, "pass"))  # type: ignore[arg-type]
        for rule in SCHEDULER
        if other.get(rule.id) != "nothing"
    ]


def report(reading: str = "intent", protocol: list[dict[str, Any]] | None = None, **changed: str) -> Report:
    rules = rule_reports(SCHEDULER, outcomes(**changed))
    return Report("scheduler", {}, "", PRESETS[reading], {}, 0, rules, protocol=protocol or [])


def test_all_rules_passed_conforms() -> None:
    assert (report().verdict, report().exit_status) == ("conforms", 0)


@pytest.mark.parametrize("rule", [rule.id for rule in SCHEDULER if rule.level != "SHOULD"])
def test_one_failed_must_or_decision_violates(rule: str) -> None:
    judged = report(**{rule.replace("-", "_"): "fail"})
    assert (judged.verdict, judged.exit_status) == ("violates", 1)
    assert [broken.id for broken in judged.failed] == [rule]


@pytest.mark.parametrize("rule", [rule.id for rule in SCHEDULER if rule.level == "SHOULD"])
def test_a_failed_should_is_a_warning_and_no_violation(rule: str) -> None:
    judged = report(**{rule.replace("-", "_"): "fail"})
    assert judged.verdict == "conforms"
    assert next(r.status for r in judged.rules if r.id == rule) == "warn"


@pytest.mark.parametrize("rule", [rule.id for rule in SCHEDULER if rule.level == "MUST"])
@pytest.mark.parametrize("outcome", ["nothing", "not-claimed", "skip", "not-run"])
def test_a_must_that_nothing_was_executed_for_makes_the_run_incomplete(rule: str, outcome: str) -> None:
    judged = report(**{rule.replace("-", "_"): outcome})
    assert (judged.verdict, judged.exit_status) == ("incomplete", 1)
    assert [gap.id for gap in judged.gaps] == [rule]


def test_only_what_the_design_names_may_go_unseen_and_the_report_names_it() -> None:
    unseen_in_literal = {"TA-SEL-1", "TA-SEL-3", "TA-SEL-4", "TA-SEL-5", "TA-SEL-6", "TA-TURN-2"}
    for rule in SCHEDULER:
        if rule.level != "MUST":
            continue
        change = {rule.id.replace("-", "_"): "unobservable"}
        literal, intent = report("literal", **change), report("intent", **change)
        assert (literal.verdict == "conforms") == (rule.id in unseen_in_literal)
        assert (intent.verdict == "conforms") == (rule.id in {"TA-SEL-5", "TA-SEL-6"})
        assert [gone.id for gone in literal.unseen] == [rule.id]


def test_a_decision_that_cannot_be_seen_is_no_gap() -> None:
    assert report("literal", TA_WRITE_5="unobservable").verdict == "conforms"


def test_a_failed_protocol_check_violates() -> None:
    assert report(protocol=[{"id": "PROTO-1", "status": "fail"}]).verdict == "violates"


def test_a_filtered_run_is_incomplete_at_best_and_violates_at_worst() -> None:
    fine, wrong = report(), report(TA_SEL_1="fail")
    fine.filtered = wrong.filtered = ("TA-SEL-1",)
    assert (fine.verdict, wrong.verdict) == ("incomplete", "violates")


def test_one_failed_case_outweighs_many_passed_ones() -> None:
    results = [CaseResult("TA-SEL-1", f"case {n}", "pass") for n in range(9)]
    results.append(CaseResult("TA-SEL-1", "case 9", "fail", expected="n1", observed="n2"))
    rule = rule_reports([RULES["TA-SEL-1"]], results)[0]
    assert (rule.status, rule.cases, len(rule.failures)) == ("fail", 10, 1)


def test_a_passed_case_outweighs_one_that_could_not_be_judged() -> None:
    results = [CaseResult("TA-SEL-1", "a", "pass"), CaseResult("TA-SEL-1", "b", "unobservable", reason="why")]
    rule = rule_reports([RULES["TA-SEL-1"]], results)[0]
    assert (rule.status, rule.cases, rule.reasons) == ("pass", 1, ["why"])


def test_one_line_says_why_planned_checks_do_not_count() -> None:
    results = [CaseResult("TA-SEL-9", "x", "not-claimed"), *[CaseResult("TA-SEL-3", "y", "unobservable")] * 25]
    judged = report()
    assert judged.why_not_executed() == ""
    judged.results = (*outcomes(), *results)
    assert judged.why_not_executed() == (
        "not executed: 25 would show nothing under this reading or from outside, 1 need an operation that is not "
        "offered; each MUST was judged"
    )
    judged.filtered = ("TA-SEL-*",)
    assert judged.why_not_executed().endswith("offered")
    assert "25" in judged.why_not_executed("zh") and "MUST" not in judged.why_not_executed("zh")


def test_what_auto_did_not_see_is_said_beside_the_reading() -> None:
    judged = report("literal")
    assert judged.reading_told() == "literal"
    judged.unseen_choices = ("D4",)
    assert judged.reading_told() == "literal (D4 not seen)"
    judged.reading = reading_from({"D1": "mint", "D2": "after", "D3": "after-batch"})
    assert judged.reading_told() == "mint / after / after-batch (D4 not seen)"


def test_a_rule_s_reasons_begin_with_those_that_decide_its_status() -> None:
    results = [
        CaseResult("TA-SEL-5", "a", "not-claimed", reason="`select` is not offered"),
        CaseResult("TA-SEL-5", "b", "unobservable", reason="no script selects here"),
    ]
    rule = rule_reports([RULES["TA-SEL-5"]], results)[0]
    assert rule.status == "unobservable"
    assert rule.reasons == ["no script selects here; it could be seen otherwise, but `select` is not offered"]
    only = rule_reports([RULES["TA-SEL-5"]], results[:1])[0]
    assert (only.status, only.reasons) == ("not-claimed", ["`select` is not offered"])


def saw(*facts: tuple[str, str]) -> dict[str, str | None]:
    return single_choices(decisions_seen([CaseResult("r", "c", "pass", saw=(fact,)) for fact in facts]))


def test_an_unseen_choice_is_null_and_a_mixed_one_names_both_the_frequent_one_first() -> None:
    seen = saw(("D1", "mint"), ("D1", "reuse"), ("D1", "reuse"), ("D2", "after"))
    assert seen == {"D1": "reuse+mint", "D2": "after", "D3": None, "D4": None}


@pytest.mark.parametrize(
    ("online", "offline", "choice"),
    [("goes", "goes", "overwrite"), ("stays", "stays", "write-once"), ("stays", "goes", "repair")],
)
def test_two_scenes_together_tell_the_choice_of_d4(online: str, offline: str, choice: str) -> None:
    assert saw(("D4 online", online), ("D4 offline", offline))["D4"] == choice
