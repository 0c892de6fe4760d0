"""Is each step of a turn's life, as a trace shows it, taken for what it is? One claim a trace."""

from __future__ import annotations

from typing import Any

import pytest
from test_audit_clean import audited
from test_audit_small import OTHER, A, B, broken, clear, select, text_of, write

from turnaffinity.contract.decisions import DEFAULT_READING, PRESETS

AFFINITY, POINTER = f"HSET scheduler:turn:{A} affinity_node_id n1", f"HSET scheduler:session:d current_turn_id {A}"
READ, UNTURN = "A HGET scheduler:session:d current_turn_id", f"A HDEL scheduler:turn:{A} affinity_node_id"
UNPOINT = "A HDEL scheduler:session:d current_turn_id"


def report(*lines: str, reading: str = "intent") -> dict[str, Any]:
    return audited(text_of(*lines).replace(b'""""', b'""'), PRESETS[reading])


def rule(name: str, *lines: str, reading: str = "intent") -> dict[str, Any]:
    return next(rule for rule in report(*lines, reading=reading)["rules"] if rule["id"] == name)


def warned(name: str, *lines: str) -> list[tuple[int, int]]:
    """(line, line of the cause) of each warning of a rule."""
    return [(each["line"], each["cause_line"]) for each in rule(name, *lines)["warnings"]]


# the write


@pytest.mark.parametrize(
    "again", [AFFINITY, POINTER, f"HSET scheduler:turn:{A} owner n1"], ids=["affinity", "pointer", "field"]
)
def test_each_write_by_itself_uses_a_closed_turn_again(again: str) -> None:
    assert broken(*write("d", A), *clear("d", A), f"A {again}") == [("TA-TURN-3", 8, 7)]
    assert broken(*write("d", A), *clear("d", A), f"A {again.replace(A, B)}", "O PING") == []


def test_the_halves_of_a_write_may_come_in_either_order_in_one_step() -> None:
    call, affinity, pointer = write("d", A)
    for halves in ((affinity, pointer), (pointer, affinity)):
        assert warned("TA-WRITE-6", call, *halves, *clear("d", A)) == []
        assert rule("TA-WRITE-6", call, *halves, *clear("d", A))["held"] == 1


def test_the_halves_of_a_write_in_two_steps_are_seen_in_either_order() -> None:
    before = [*write("z", B), *clear("z", B), READ]
    for halves in ((AFFINITY, POINTER), (POINTER, AFFINITY)):
        lines = [*before, *(f"A {half}" for half in halves), *clear("d", A)]
        assert warned("TA-WRITE-6", *lines) == [(10, 9)]
        assert rule("TA-WRITE-1", *lines)["held"] == 2


def test_a_pointer_alone_at_the_beginning_may_have_had_its_affinity_before() -> None:
    lines = [f"A {POINTER}", f"A {AFFINITY}", *clear("d", A)]
    assert rule("TA-WRITE-1", *lines)["status"] == rule("TA-WRITE-6", *lines)["status"] == "unobservable"


def test_a_turn_is_written_whole_once_however_often_it_is_written() -> None:
    lines = [*write("d", A), *write("d", A), *write("d", A), *clear("d", A)]
    assert rule("TA-WRITE-1", *lines)["cases"] == rule("TA-WRITE-6", *lines)["cases"] == 1
    assert rule("TA-TURN-1", *lines)["cases"] == 1


def test_an_affinity_that_comes_after_its_pointer_is_no_missing_one() -> None:
    assert broken(*write("d", B), *clear("d", B), READ, f"A {POINTER}", f"A {AFFINITY}", READ, *clear("d", A)) == []


def test_an_affinity_written_for_another_turn_does_not_make_up_for_the_missing_one() -> None:
    alone = [*write("d", B), *clear("d", B), READ, f"A {POINTER}", f"A HSET scheduler:turn:{B} x 1", READ, READ]
    assert {rule for rule, *_ in broken(*alone)} == {"TA-TURN-3", "TA-WRITE-1"}


@pytest.mark.parametrize("reading", ["intent", "literal"])
def test_a_turn_that_two_sessions_have_open_is_seen_at_the_second(reading: str) -> None:
    lines = [*write("d", A), *write("e", A)]
    assert [each["line"] for each in rule("TA-TURN-1", *lines, reading=reading)["failures"]] == [6]


def test_a_turn_may_pass_to_another_session_only_if_the_first_let_it_go_unseen() -> None:
    assert broken(*write("d", A), *write("d", B), *write("e", A)) == []  # d went on with another turn


BEFORE = [*write("z", B), *clear("z", B)]
EMPTIED = 'A HSET scheduler:session:d current_turn_id ""'


@pytest.mark.parametrize(
    ("before", "reading", "seen"),
    [
        ([*write("d", B), *clear("d", B)], "intent", True),
        ([*BEFORE, EMPTIED], "intent", True),
        (write("d", B), "literal", True),
        (BEFORE, "intent", False),
        ([*BEFORE, f"A {POINTER}"], "intent", False),
    ],
    ids=["none was open", "it was empty", "another was open", "nothing is known", "it is known to be open"],
)
def test_a_pointer_alone_is_a_half_write_where_the_turn_must_be_new(
    before: list[str], reading: str, seen: bool
) -> None:
    lines = [*before, f"A {POINTER}", READ, READ]
    wanted = [(len(lines) - 1, len(lines) - 2)] if seen else []
    failures = rule("TA-WRITE-1", *lines, reading=reading)["failures"]
    assert [(each["line"], each["cause_line"]) for each in failures] == wanted


def test_a_session_that_let_go_of_a_turn_does_not_have_it_open() -> None:
    left = [*write("d", A), UNPOINT, f"A HSET scheduler:session:e current_turn_id {A}"]
    assert rule("TA-TURN-1", *left)["failures"] == []


def test_an_odd_id_is_caused_by_the_first_line_that_writes_it() -> None:
    assert broken(*write("d", "odd")) == [("TA-TURN-1", 3, 2)]
    assert broken(*BEFORE, "A HSET scheduler:session:d current_turn_id odd") == [("TA-TURN-1", 8, 8)]


@pytest.mark.parametrize("act", [AFFINITY, POINTER], ids=["affinity", "pointer"])
def test_who_writes_a_half_is_the_scheduler(act: str) -> None:
    assert broken(f"A {act}", "A EXPIRE scheduler:session:d 60") == [("TA-WRITE-2", 2, 2)]
    assert broken(f"A {act}", "O EXPIRE scheduler:session:d 60") == []


def test_a_half_clear_under_a_turn_that_goes_on_is_told_by_the_next_turn_only_where_turns_are_reused() -> None:
    lines = [*write("d", A), READ, UNTURN, *write("d", B), READ]
    assert [each["line"] for each in rule("TA-CLEAR-1", *lines)["failures"]] == [8]
    assert rule("TA-CLEAR-1", *lines, reading="literal")["failures"] == []


LOOK = f"HGET scheduler:turn:{A} affinity_node_id"
WRITES = "A EVALSHA bbbb 0 d"


@pytest.mark.parametrize(
    ("step", "seen"),
    [
        ([READ, f"A {POINTER}"], True),
        ([READ, f"A {LOOK}", f"A {POINTER}"], False),
        ([READ.replace("A ", "O ", 1), f"A {POINTER}"], False),
        ([WRITES, f"L {POINTER}"], True),
        ([WRITES, f"L {LOOK}", f"L {POINTER}"], False),
        ([WRITES, f"L EXISTS scheduler:turn:{A}", f"L {POINTER}"], False),
    ],
    ids=["asked", "looked at", "somebody else asked", "by script", "looked at by script", "its key asked for"],
)
def test_a_pointer_alone_may_leave_an_affinity_that_was_looked_at(step: list[str], seen: bool) -> None:
    lines = [*BEFORE, *step, READ, READ]
    wanted = [(len(lines) - 1, len(lines) - 2)] if seen else []
    assert [(each["line"], each["cause_line"]) for each in rule("TA-WRITE-1", *lines)["failures"]] == wanted


def test_a_selection_under_a_turn_without_its_affinity_tells_that_it_never_came() -> None:
    half = [*BEFORE, READ, f"A {POINTER}"]
    assert broken(*half, *select(A, A)) == [("TA-WRITE-1", 11, 9)]
    assert broken(*half, *select(OTHER, OTHER)) == []


def test_a_selection_under_a_closed_turn_inherits_from_it() -> None:
    found = broken(*write("d", A), *clear("d", A), *select(A, A))
    assert found == [("TA-TURN-3", 9, 7), ("TA-NEVER-2", 9, 7)]


# the clear

TRANSACTION = ["A MULTI", UNTURN, UNPOINT, "A EXEC"]
WATCH = "A WATCH scheduler:session:d"


@pytest.mark.parametrize(
    ("step", "seen"),
    [
        ([READ, *TRANSACTION], [(7, 6)]),
        ([WATCH, READ, *TRANSACTION], []),
        ([WATCH.replace("A ", "O ", 1), READ, *TRANSACTION], [(8, 7)]),
        ([WATCH, READ, UNTURN, UNPOINT], [(7, 6)]),
        ([READ, UNTURN, UNPOINT], [(6, 5)]),
        (["A MULTI", READ, UNTURN, UNPOINT, "A EXEC"], []),
        (clear("d", A), []),
    ],
    ids=["read before", "watched", "watched by another", "watched for nothing", "plainly", "read within", "by script"],
)
def test_a_clear_is_one_step_with_its_read_or_watches_what_it_read(
    step: list[str], seen: list[tuple[int, int]]
) -> None:
    assert warned("TA-CLEAR-7", *write("d", A), *step) == seen
    assert broken(*write("d", A), *step) == []


def test_a_deletion_within_a_transaction_is_a_schedulers_and_a_single_one_may_be_an_operators() -> None:
    by_hand, life = UNTURN.replace("A ", "O ", 1), "O EXPIRE scheduler:session:d 60"
    assert broken("O MULTI", by_hand, "O EXEC", life) == [("TA-WRITE-2", 4, 4)]
    assert broken(by_hand, life) == []


# what a trace tells of the decisions


@pytest.mark.parametrize(
    ("lines", "seen"),
    [
        ([*write("d", A), *write("d", A)], {"D1": "reuse", "D4": "overwrite"}),
        ([*write("d", A), *write("d", B)], {"D1": "mint", "D4": None}),
        ([*write("d", A)], {"D1": None, "D4": None}),
        ([*write("d", A), f"A {AFFINITY}"], {"D1": None, "D4": "overwrite"}),
        ([*write("d", A), f"A HSETNX scheduler:turn:{A} affinity_node_id n2"], {"D1": None, "D4": None}),
        ([f"A {AFFINITY}", f"A {AFFINITY}"], {"D1": None, "D4": None}),
        ([*write("d", A), READ, UNTURN, *write("d", A)], {"D1": "reuse", "D4": None}),
        ([*write("d", A), *clear("d", A), *write("d", B)], {"D1": None, "D4": None}),
    ],
    ids=["again", "another", "one", "moved", "kept", "half", "emptied", "closed"],
)
def test_the_writes_of_a_turn_tell_decisions(lines: list[str], seen: dict[str, str | None]) -> None:
    found = report(*lines)["decisions"]
    assert {decision: found[decision] for decision in seen} == seen


# the life as a whole


def test_a_turns_life_goes_from_its_first_write_to_its_close() -> None:
    lines = [*write("d", A), *select(A, A), *write("d", A), *select(A, A), *clear("d", A)]
    (life,) = report(*lines)["turns"]
    assert (life["first_line"], life["last_line"], life["jobs"]) == (2, 16, 2)
    # a script's commands have the time of its call: lines 1 and 13
    assert life["closed_at"] - life["opened_at"] == pytest.approx(12e-6, abs=1e-6)
    assert (life["turn_id"], life["session_id"]) == (A, "d")


def test_a_new_turn_in_place_of_an_open_one_is_counted() -> None:
    statistics = report(*write("d", A), *write("d", B), *clear("d", B), reading="literal")["statistics"]
    assert [statistics[name] for name in ("turns_opened", "turns_superseded", "turns_closed")] == [2, 1, 1]


def test_the_default_reading_is_the_one_that_these_tests_name() -> None:
    assert PRESETS["intent"] == DEFAULT_READING
