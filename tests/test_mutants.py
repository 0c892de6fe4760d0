"""Does the kit catch wrong implementations? The mutants' declarations, the machine's changes, the list of survivors."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from turnaffinity.cli.main import app
from turnaffinity.contract.decisions import parse_reading
from turnaffinity.contract.rules import RULES
from turnaffinity.mutation.machine import READINGS, Balance, Fate, all_changes, judge_change, reasons
from turnaffinity.mutation.matrix import judge_mutant, run_matrix
from turnaffinity.mutation.mutants import load_mutants
from turnaffinity.mutation.operators import changes
from turnaffinity.problem import Problem
from turnaffinity.server import open_server

MUTANTS = load_mutants()
CHANGES = {change.id: change for change in all_changes()}

WRITE = "write_affinity.lua: redis.call('HSET', session_key(session_id), CURRENT_TURN_FIELD, turn_id)"
CLEAR = "clear_affinity.lua: redis.call('HDEL', session_key(session_id), CURRENT_TURN_FIELD)"


def test_every_must_has_three_mutants_and_every_other_rule_one() -> None:
    counts = {rule: sum(mutant.rule == rule for mutant in MUTANTS) for rule in RULES}
    wanted = {rule.id: 3 if rule.level == "MUST" else 1 for rule in RULES.values()}
    assert {rule: count for rule, count in counts.items() if count < wanted[rule]} == {}


def test_every_mutant_says_what_its_owner_tells_and_how_it_came_about() -> None:
    assert [m.id for m in MUTANTS if not m.expects or not m.mistake or m.rule in m.breaks] == []


def test_the_museum_holds_the_two_bugs_of_the_note() -> None:
    museum = {mutant.id for mutant in MUTANTS if mutant.museum}
    assert museum >= {"affinity-lives-five-minutes", "one-field-written-another-read"}


@pytest.mark.parametrize(
    "name",
    [
        "one-field-written-another-read",
        *(
            pytest.param(other, marks=pytest.mark.long)
            for other in ("affinity-lives-five-minutes", "no-fallback-clear")
        ),
    ],
)
def test_a_mutant_is_killed_by_its_owner_in_the_words_it_declares(name: str) -> None:
    mutant = next(mutant for mutant in MUTANTS if mutant.id == name)
    with open_server("embedded") as server:
        death = judge_mutant(mutant, server)
    assert death.status == "killed"
    assert death.undeclared == []
    assert mutant.expects in death.said


@pytest.mark.soak
def test_every_mutant_is_killed_by_its_owner_as_declared() -> None:
    matrix = run_matrix(MUTANTS)
    assert [death.mutant.id for death in matrix.deaths if death.status != "killed"] == []
    assert {death.mutant.id: death.undeclared for death in matrix.deaths if death.undeclared} == {}
    assert [death.mutant.id for death in matrix.deaths if death.mutant.expects not in death.said] == []
    assert matrix.exit_status == 0


def test_an_operator_makes_each_kind_of_change() -> None:
    text = "local a = redis.call('GET', ARGV[1])\nif a == 'x' then\n"
    text += "  redis.call('DEL', a)\n  redis.call('HSET', a)\nend\n"
    made = {change.what for change in changes("some.lua", text)}
    assert "redis.call('DEL', a) -> (dropped)" in made
    assert "redis.call('DEL', a) -> (after the next line)" in made
    assert "if a == 'x' then -> if a ~= 'x' then" in made
    assert "redis.call('HSET', a) -> redis.call('HSETNX', a)" in made
    assert "local a = redis.call('GET', ARGV[1]) -> local a = redis.call('GET', ARGV[2])" in made


def test_every_change_is_a_text_of_its_own_and_differs_from_the_reference() -> None:
    assert len(CHANGES) > 250
    assert len({(change.file, change.text) for change in CHANGES.values()}) > 0.9 * len(CHANGES)


def test_every_survivor_has_a_reason_and_is_a_change_that_can_be_made() -> None:
    assert [name for name in reasons() if name not in CHANGES] == []


def test_the_readings_of_the_machine_run_every_choice() -> None:
    seen = [parse_reading(text).as_dict() for text in READINGS]
    assert {key: {each[key] for each in seen} for key in ("D1", "D2", "D3", "D4")} == {
        "D1": {"reuse", "mint"},
        "D2": {"before", "after"},
        "D3": {"after-batch", "after-first-job"},
        "D4": {"overwrite", "write-once", "repair"},
    }


@pytest.mark.parametrize("name", [f"{WRITE} -> (dropped)", f"{CLEAR} -> (dropped)"])
def test_a_change_that_breaks_the_contract_is_blamed(name: str) -> None:
    with open_server("embedded") as server:
        fate = judge_change(CHANGES[name], server)
    assert fate.rule.startswith("TA-")


def test_a_survivor_without_a_reason_and_a_reason_without_a_survivor_are_told() -> None:
    one, two, three = list(CHANGES.values())[:3]
    fates = [Fate(one, "", "", 0.1), Fate(two, "", "", 0.1), Fate(three, "TA-SEL-1", "intent", 0.1)]
    balance = Balance(fates, {one.id: "the same by another way", three.id: "thought to be the same"})
    assert [fate.change.id for fate in balance.unexplained] == [two.id]
    assert balance.stale == [three.id]
    assert balance.exit_status == 1
    assert Balance(fates[:1], {one.id: "the same by another way"}).exit_status == 0


def test_a_reason_given_twice_or_not_at_all_is_refused(tmp_path: Path) -> None:
    (tmp_path / "survivors.toml").write_text('[[survivor]]\nwhy = ""\nchanges = ["a"]\n', encoding="utf-8")
    with pytest.raises(Problem, match="has no reason"):
        reasons(tmp_path)


def test_the_machine_and_a_choice_of_rules_do_not_go_together() -> None:
    run = CliRunner().invoke(app, ["mutants", "--machine", "--rule", "TA-SEL-1"])
    assert isinstance(run.exception, Problem)
    assert "--machine: --rule is about the mutants of the kit" in str(run.exception)
