"""Is a mistake told from what its scenes show, and is nobody told one that they do not show?"""

from __future__ import annotations

from typing import Any

import pytest

from turnaffinity.contract.layout import KeyLayout
from turnaffinity.contract.rules import RULES
from turnaffinity.diagnosis.causes import of_one_cause
from turnaffinity.diagnosis.ids import changed_id
from turnaffinity.diagnosis.matching import matches
from turnaffinity.diagnosis.mistakes import unknown_mistake
from turnaffinity.diagnosis.seen import (
    answer_told,
    asks_no_pool,
    drawn_unasked,
    error_line,
    error_told,
    online_asked,
    pools_told,
)
from turnaffinity.judging.verdict import CaseResult

LAYOUT = KeyLayout()
SELECT = {"op": "select", "pair": "zh:en", "job_id": "", "turn_id": ""}
MANUAL = {"op": "finalize", "session_id": "S-Abc", "reason": "manual", "src_lang": "zh", "tgt_lang": "en"}


def failed(
    wire: list[list[str]], steps: list[dict[str, Any]], observed: str = "no node", *, rule: str = "TA-SEL-2",
    expected: str = "one of n1", broken: int | None = None,
) -> CaseResult:  # fmt: skip
    sent = tuple({"client": "a", "argv": argv, "broken": at == broken} for at, argv in enumerate(wire))
    return CaseResult(rule, f"test_x[{rule}]", "fail", "x holds", "", expected, observed, sent, steps=tuple(steps))


def laid_out(*commands: list[str]) -> list[dict[str, Any]]:
    return [{"op": "redis", "command": command} for command in commands]


POOL_0 = "lingua:v1:pool:zh:en:0:nodes"


@pytest.mark.parametrize(
    ("error", "line", "said"),
    [
        ("user_script:10: attempt to concatenate local 'id' (a boolean value) script: on @user_script:10.", 10,
         "attempt to concatenate local 'id' (a boolean value)"),
        ("ERR user_script:3: attempt to index a nil value script: 4f2c, on @user_script:3.", 3, "attempt to index"),
        ("Wrong number of args calling command from script script: on @user_script:1.", 1, "Wrong number of args"),
        ("nothing that names a line", None, "nothing that names a line"),
    ],
)  # fmt: skip
def test_a_script_s_own_error_is_told_with_its_line(error: str, line: int | None, said: str) -> None:
    observed = f"no usable answer: the script ended with an error: {error}"
    result = failed([], [SELECT], observed, expected="an answer to select zh:en")
    says, mend = error_told(result)
    assert error_line(result) == line
    assert said in says["en"] and said in says["zh"]
    assert (f" at line {line}" in says["en"]) == (line is not None)
    assert ("false, not nil" in mend["en"]) == ("boolean" in error)


def test_a_pool_that_is_never_asked_is_named_with_what_is_asked_instead() -> None:
    others = [["SMEMBERS", f"lingua:v1:pool:zh:en:{pool}:nodes"] for pool in (1, 2, 3)]
    found = pools_told([failed(others, [*laid_out(["SADD", POOL_0, "n1"]), SELECT])], LAYOUT)
    assert found is not None
    assert POOL_0 in found[0]["en"] and "lingua:v1:pool:zh:en:1:nodes and 2 more" in found[0]["en"]


@pytest.mark.parametrize(
    "wire",
    [
        [["SUNION", "lingua:v1:pool:zh:en:1:nodes", POOL_0]],  # asked after all
        [["SCAN", "0", "MATCH", "lingua:v1:pool:zh:en:*"]],  # found in a way that names none
        [],
    ],
)
def test_who_asks_the_right_pool_or_none_is_not_told_that_it_asks_another(wire: list[list[str]]) -> None:
    assert pools_told([failed(wire, [*laid_out(["SADD", POOL_0, "n1"]), SELECT])], LAYOUT) is None


@pytest.mark.parametrize(
    ("key", "how"),
    [
        ("scheduler:session:s-abc", "upper and lower case"),
        ("scheduler:session:S-A", "first 3 characters"),
        ("scheduler:session:Abc", "only a part"),
        ("scheduler:session:S-Abc:1", "it becomes <session_id>:1"),
    ],
)
def test_an_id_that_gets_into_its_key_changed_is_told_with_how(key: str, how: str) -> None:
    changed = changed_id([failed([["HGET", key, "current_turn_id"]], [MANUAL])], LAYOUT)
    assert changed is not None
    changed = changed[0]
    assert how in changed.says(LAYOUT)["en"] and "scheduler:session:<session_id>" in changed.mend(LAYOUT)["en"]


@pytest.mark.parametrize(
    "key",
    [
        "scheduler:session:S-Abc",  # as it is
        "scheduler:session:s-other",  # another session's, which has nothing to do with it
    ],
)
def test_an_id_that_is_right_or_somebody_else_s_is_not_told_as_changed(key: str) -> None:
    assert changed_id([failed([["HGET", key, "current_turn_id"]], [MANUAL])], LAYOUT) is None


def test_a_namesake_that_the_case_itself_laid_out_is_not_told_as_changed() -> None:
    steps = [*laid_out(["HSET", "scheduler:session:s-abc", "current_turn_id", "T1"]), MANUAL]
    assert changed_id([failed([["HDEL", "scheduler:session:s-abc", "current_turn_id"]], steps)], LAYOUT) is None


FRESH, OPEN = "scheduler:turn:T9", "scheduler:turn:T1"


def test_draws_without_any_question_are_told_only_where_it_has_to_draw() -> None:
    unasked = [["HGET", "scheduler:session:S-Abc", "current_turn_id"], ["HGET", FRESH, "affinity_node_id"]]
    assert drawn_unasked([failed(unasked, [MANUAL])] * 3, LAYOUT)
    assert not drawn_unasked([failed(unasked, [MANUAL])] * 2, LAYOUT)  # too few for a habit
    assert not drawn_unasked([failed([*unasked, ["SMEMBERS", POOL_0]], [MANUAL])] * 3, LAYOUT)
    recorded = [*laid_out(["HSET", OPEN, "affinity_node_id", "n1"]), MANUAL]
    assert not drawn_unasked([failed([["HGET", OPEN, "affinity_node_id"]], recorded)] * 3, LAYOUT)  # it may follow it
    bound = {**SELECT, "job_id": "J1"}
    assert not drawn_unasked([failed([["GET", "lingua:v1:job:J1:node"]], [bound])] * 3, LAYOUT)


def test_what_one_kind_of_command_breaks_is_one_mistake() -> None:
    persist, read = ["PERSIST", "scheduler:turn:T1"], ["HGET", "scheduler:turn:T2", "affinity_node_id"]
    never = unknown_mistake([failed([read, persist], [SELECT], rule="TA-NEVER-1", broken=1)])
    other = ["PERSIST", "scheduler:turn:T7"]
    again = unknown_mistake([failed([other], [SELECT], rule="TA-WRITE-2", broken=0)])
    state = unknown_mistake([failed([read, persist], [SELECT], rule="TA-SEL-6")])
    (one,) = of_one_cause([state, never, again], LAYOUT)
    assert one.rules == tuple(rule for rule in RULES if rule in {"TA-SEL-6", "TA-NEVER-1", "TA-WRITE-2"})


def test_what_only_stands_in_the_same_traffic_is_a_mistake_of_its_own() -> None:
    read, persist = ["HGET", "scheduler:turn:T2", "affinity_node_id"], ["PERSIST", "scheduler:turn:T1"]
    never = unknown_mistake([failed([read, persist], [SELECT], rule="TA-NEVER-1", broken=1)])
    reading = unknown_mistake([failed([read, persist], [SELECT], rule="TA-SEL-5", broken=0)])
    draw = unknown_mistake([failed([read], [SELECT], rule="TA-SEL-2")])
    assert len(of_one_cause([never, reading, draw], LAYOUT)) == 3


def test_a_command_that_broke_a_claim_is_named_in_the_sentence() -> None:
    sent = "PERSIST scheduler:turn:T1"
    told = unknown_mistake([failed([sent.split()], [SELECT], sent, rule="TA-NEVER-1", broken=0)]).says["en"]
    assert told == "It sends PERSIST scheduler:turn:T1, so that this does not hold: x holds."


def test_one_known_mistake_that_explains_everything_is_preferred_to_a_rest_that_nothing_explains() -> None:
    known = {
        "wide": frozenset({"R a", "R b", "R c"}),
        "narrow": frozenset({"R a"}),
        "far": frozenset({"R x", "R y", "R z", "R w"}),
    }
    every = frozenset().union(*known.values())
    run = frozenset({"R a", "R b"})
    (only,) = matches(run, every - run, known, dict.fromkeys(known, "R"))
    assert (only.id, only.explains, only.sure) == ("wide", run, False)


def test_who_finds_no_node_without_asking_a_pool_is_told_so() -> None:
    asking, not_asking = failed([["SCARD", POOL_0]], [SELECT]), failed([["TIME"]], [SELECT])
    assert asks_no_pool([not_asking, not_asking, asking], LAYOUT)
    assert not asks_no_pool([asking, asking, not_asking], LAYOUT)


def test_an_open_turn_s_id_that_gets_into_its_key_changed_is_told_too() -> None:
    steps = [*laid_out(["HSET", "scheduler:session:S-Abc", "current_turn_id", "T1"]), MANUAL]
    changed = changed_id([failed([["HGET", "scheduler:turn:{T1}", "affinity_node_id"]], steps)], LAYOUT)
    assert changed is not None and "{<turn_id>}" in changed[0].says(LAYOUT)["en"]
    right = [["HGET", "scheduler:turn:T1", "affinity_node_id"], ["HGET", "scheduler:turn:T2", "affinity_node_id"]]
    assert changed_id([failed(right, steps)], LAYOUT) is None


def test_a_key_that_is_built_from_another_kind_of_id_is_told_so() -> None:
    asked = {**SELECT, "job_id": "", "turn_id": "T1"}
    found = changed_id([failed([["GET", "lingua:v1:job:T1:node"]], [asked])], LAYOUT)
    assert found is not None
    assert found[0].says(LAYOUT)["en"] == (
        "The key lingua:v1:job:<job_id>:node is built from the turn id, not from the job id."
    )
    right = [["GET", "lingua:v1:job:J1:node"], ["HGET", "scheduler:turn:T1", "affinity_node_id"]]
    assert changed_id([failed(right, [{**asked, "job_id": "J1"}])], LAYOUT) is None


def test_node_ids_that_are_cut_are_told_though_each_is_cut_elsewhere() -> None:
    steps = [*laid_out(["SADD", POOL_0, "node1.eu", "n2.us"]), SELECT]
    found = changed_id([failed([["EXISTS", "lingua:v1:node:node1", "lingua:v1:node:n2"]], steps)], LAYOUT)
    assert found is not None and "only its beginning is kept" in found[0].says(LAYOUT)["en"]


def test_a_known_mistake_that_says_the_same_is_not_said_again() -> None:
    cut = changed_id([failed([["HGET", "scheduler:session:S-A", "x"]], [MANUAL])], LAYOUT)
    assert cut is not None
    assert cut[0].is_said_by("The scheduler cuts session ids after 64 characters.")
    assert not cut[0].is_said_by("The scheduler writes the session id in lower case.")


def test_what_stands_around_a_node_in_the_answer_is_told() -> None:
    steps = [*laid_out(["SADD", POOL_0, "n1"]), SELECT]
    quoted, right = failed([], steps, '"n1"'), failed([], steps, "n1")
    found = answer_told([quoted] * 3, LAYOUT)
    assert found is not None and found[0]["en"] == 'It answers "n1" where the node is called n1.'
    assert answer_told([quoted, quoted], LAYOUT) is None
    assert answer_told([*[quoted] * 3, *[right] * 3], LAYOUT) is None


def test_who_asks_of_one_that_is_online_and_takes_none_is_told_so() -> None:
    online = laid_out(["HSET", "lingua:v1:node:n1", "status", "online"], ["SADD", POOL_0, "n1"])
    asking = failed([["EXISTS", "lingua:v1:node:n1"]], [*online, SELECT])
    gone = failed([["EXISTS", "lingua:v1:node:n1"]], [*online, *laid_out(["DEL", "lingua:v1:node:n1"]), SELECT])
    assert online_asked([asking], LAYOUT) == [asking]
    assert online_asked([gone], LAYOUT) == []
