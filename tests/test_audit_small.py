"""Is each of these traces, a dozen lines long, judged as the contract has it? One claim a trace."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from test_audit_clean import audited
from typer.testing import CliRunner

from turnaffinity.cli.main import app
from turnaffinity.contract.decisions import DEFAULT_READING
from turnaffinity.problem import Problem

A = "11111111-1111-4111-8111-111111111111"
B = "22222222-2222-4222-8222-222222222222"
OTHER = "33333333-3333-4333-8333-333333333333"
CLIENTS = {"A": "127.0.0.1:1", "L": "lua", "O": "10.0.0.9:9"}


def text_of(*lines: str) -> bytes:
    """MONITOR traffic; a line's first letter says who sends it: A the scheduler, L its script, O an operator."""
    told = []
    for number, line in enumerate(lines, start=1):
        who, *argv = line.split()
        quoted = " ".join(f'"{word}"' for word in argv)
        told.append(f"1700000000.{number:06d} [0 {CLIENTS[who]}] {quoted}\n")
    return "".join(told).encode()


def write(session: str, turn: str, *more: str) -> list[str]:
    return [
        f"A EVALSHA bbbb 0 {session} {turn} n1 overwrite",
        f"L HSET scheduler:turn:{turn} affinity_node_id n1",
        f"L HSET scheduler:session:{session} current_turn_id {turn}",
        *more,
    ]


def clear(session: str, turn: str, *more: str) -> list[str]:
    return [
        f"A EVALSHA cccc 0 {session}",
        f"L HGET scheduler:session:{session} current_turn_id",
        *more,
        f"L HDEL scheduler:turn:{turn} affinity_node_id",
        f"L HDEL scheduler:session:{session} current_turn_id",
    ]


def select(given: str, read: str, *more: str) -> list[str]:
    return [
        f"A EVALSHA aaaa 0 zh:en j1 {given}",
        f"L HGET scheduler:turn:{read} affinity_node_id",
        *more,
        "L SRANDMEMBER lingua:v1:pool:zh:en:0:nodes",
    ]


def broken(*lines: str) -> list[tuple[str, int, int]]:
    """(rule, line, line of the cause) of each failure."""
    return [(rule, failure["line"], failure["cause_line"]) for rule, failure in failures(lines)]


def failures(lines: tuple[str, ...]) -> list[tuple[str, dict[str, Any]]]:
    report = audited(text_of(*lines), DEFAULT_READING)
    return [(rule["id"], failure) for rule in report["rules"] for failure in rule["failures"]]


READ, HALF, REST = (
    "A HGET scheduler:session:d current_turn_id",
    f"A HDEL scheduler:turn:{A} affinity_node_id",
    "A HDEL scheduler:session:d current_turn_id",
)


def test_a_clear_that_broke_off_and_was_repaired_by_the_fallback_is_no_half_clear() -> None:
    assert broken(*write("d", A), READ, HALF, READ, HALF, REST) == []


def test_a_clear_of_the_affinity_alone_is_a_half_clear_once_the_turn_goes_on_or_its_session_is_read_twice() -> None:
    assert broken(*write("d", A), READ, HALF, *write("d", A), READ) == []  # written anew at once (D4)
    assert broken(*write("d", A), READ, HALF, READ, *write("d", A), READ) == [("TA-CLEAR-1", 8, 5)]
    assert broken(*write("d", A), READ, HALF, READ, READ) == [("TA-CLEAR-1", 7, 5)]


@pytest.mark.parametrize("scan", ["KEYS lingua:v1:node:*", "SCAN 0 MATCH lingua:v1:node:*"])
def test_a_scan_of_the_surroundings_within_a_selection_is_seen(scan: str) -> None:
    assert [rule for rule, *_ in broken(*write("d", A), *select(A, A, f"L {scan}"), *clear("d", A))] == ["TA-SEL-5"]


def test_a_selection_that_reads_a_turn_it_was_not_given_is_seen() -> None:
    found = broken(*write("d", A), *select(B, A), *clear("d", A))
    assert [(rule, line) for rule, line, _ in found] == [("TA-SEL-5", 5)]


def test_a_selection_may_be_given_the_turn_in_any_place() -> None:
    elsewhere = [line.replace(f"zh:en j1 {A}", f"zh:en {A} j1") for line in select(A, A)]
    assert broken(*write("d", A), *elsewhere, *clear("d", A)) == []


def test_a_closed_turn_that_is_read_again_in_plain_commands_is_seen() -> None:
    again = [f"A HGET scheduler:turn:{A} affinity_node_id", "A SRANDMEMBER lingua:v1:pool:zh:en:0:nodes"]
    assert broken(*write("d", A), *clear("d", A), *again) == [("TA-TURN-3", 8, 7)]


def test_an_operator_may_look_at_a_closed_turn() -> None:
    look = f"O HGET scheduler:turn:{A} affinity_node_id"
    assert broken(*write("d", A), *clear("d", A), look) == []


def test_a_pointer_without_an_affinity_is_seen_in_a_session_met_for_the_first_time() -> None:
    alone = f"A HSET scheduler:session:d current_turn_id {A}"
    found = broken(*write("s", OTHER), *clear("s", OTHER), *select(A, A), alone, *clear("d", A))
    assert [rule for rule, *_ in found] == ["TA-WRITE-1"]


def test_a_multi_that_deletes_another_sessions_open_turn_is_blamed_at_that_line() -> None:
    multi = ["A MULTI", HALF, f"A HDEL scheduler:turn:{OTHER} affinity_node_id", REST, "A EXEC"]
    assert ("TA-CLEAR-8", 10) in [
        (rule, line) for rule, line, _ in broken(*write("z", OTHER), *write("d", A), READ, *multi)
    ]


@pytest.mark.parametrize(
    "touch",
    [
        "HGET scheduler:session:z current_turn_id",
        f"EXISTS scheduler:turn:{OTHER}",
        f"HDEL scheduler:turn:{OTHER} affinity_node_id",
    ],
    ids=["a look", "a look at the turn", "a deletion"],
)
def test_a_clear_script_that_touches_another_session_is_blamed_at_that_line(touch: str) -> None:
    found = broken(*write("z", OTHER), *write("d", A), *clear("d", A, f"L {touch}"))
    assert [(rule, line) for rule, line, _ in found] == [("TA-CLEAR-8", 9)]


@pytest.mark.parametrize("command", ["SET {key} n1", "MSET x 1 {key} n1", "GETEX {key} PERSIST", "SADD {key} n1"])
def test_a_turn_key_that_is_taken_for_something_else_than_a_hash_is_seen(command: str) -> None:
    found = broken(*write("d", A), "A " + command.format(key=f"scheduler:turn:{B}"), *clear("d", A))
    assert ("TA-KEY-1", 4) in [(rule, line) for rule, line, _ in found]


def test_a_selection_that_takes_a_turn_key_for_a_string_is_seen() -> None:
    found = broken(*write("d", A), *select(A, A, f"L GET scheduler:turn:{A}"), *clear("d", A))
    assert [rule for rule, *_ in found] == ["TA-KEY-1"]


def test_a_set_of_somebody_elses_beside_the_turn_keys_is_none_of_them() -> None:
    assert broken(*write("d", A), "A SADD scheduler:turn:all n1", *clear("d", A)) == []


def test_another_hash_put_over_the_session_is_a_loss_of_its_fields() -> None:
    found = broken(*write("d", A), "A COPY tmpl scheduler:session:d REPLACE", *clear("d", A))
    assert [(rule, line) for rule, line, _ in found] == [("TA-CLEAR-5", 4)]


def test_an_affinity_kept_in_a_second_key_and_read_by_a_selection_is_seen() -> None:
    lines = [*write("d", A, "L SET app:aff:d n1"), *select(A, A, "L GET app:aff:d"), *clear("d", A)]
    assert [(rule, line) for rule, line, _ in broken(*lines)] == [("TA-KEY-2", 7)]
    for_a_dashboard = [*write("d", A, "L SET app:aff:d n1"), *select(A, A), "O GET app:aff:d", *clear("d", A)]
    assert broken(*for_a_dashboard) == []


def test_a_turn_that_an_operator_deleted_was_not_seen_whole() -> None:
    report = audited(text_of(*write("d", A), f"O DEL scheduler:turn:{A} scheduler:session:d"), DEFAULT_READING)
    assert (report["verdict"], report["whole_turns"]) == ("incomplete", 0)


@pytest.mark.parametrize(
    "theirs",
    [
        ["A SET scheduler:session:d:lock tok NX PX 5000", "A DEL scheduler:session:d:lock"],
        ["A SADD scheduler:session:index d", "A EXPIRE scheduler:session:index 60"],
        ["A DEL scheduler:session:d:timeout_node_id"],
        [f"A SET scheduler:turn:{A}:lock tok NX PX 5000", f"A DEL scheduler:turn:{A}:lock"],
    ],
    ids=["lock", "index", "old fields", "lock of a turn"],
)
def test_a_key_with_a_longer_name_is_not_the_hash_that_its_name_begins_with(theirs: list[str]) -> None:
    assert broken(*write("d", A), *theirs, *clear("d", A)) == []
    assert broken(*write("d", A), "A EXPIRE scheduler:session:d 60", *clear("d", A)) == [("TA-WRITE-2", 4, 4)]


def test_one_script_may_select_for_a_whole_batch() -> None:
    reads = [f"L HGET scheduler:turn:{A} affinity_node_id", "L SMEMBERS lingua:v1:pool:zh:en:0:nodes"]
    batch = [f"A EVALSHA {'f' * 40} 0 s1 {A} zh en ja", *reads, *reads]
    assert broken(*write("d", A), *batch, *clear("d", A)) == []


def test_a_gap_within_a_script_ends_what_was_known_of_it() -> None:
    cut = text_of(*write("d", A), *clear("d", A)[:-1]) + b"# turnaffinity:gap 1.0 s\n"
    rest = text_of("L EXISTS foo", *write("d", A), *clear("d", A))
    assert [rule["failures"] for rule in audited(cut + rest, DEFAULT_READING)["rules"] if rule["failures"]] == []


def test_a_fallback_may_know_the_turn_from_before() -> None:
    first = [READ, REST]  # the deletion of the affinity was refused, and is not in the trace
    assert broken(*write("d", A), *first, READ, HALF) == []
    assert broken(*write("d", A), *first, READ, READ)[0] == ("TA-CLEAR-1", 7, 5)


def test_the_closed_turn_that_a_selection_is_given_is_seen_though_it_reads_no_affinity() -> None:
    before = [line.replace(" aaaa ", f" {'a' * 40} ") for line in select(A, A)]
    given = [f"A EVALSHA {'a' * 40} 0 zh:en j9 {A}", "L GET lingua:v1:job:j9:node"]
    assert "TA-TURN-3" in [rule for rule, *_ in broken(*write("d", A), *before, *clear("d", A), *given)]


def test_one_turn_open_in_two_sessions_is_seen() -> None:
    found = broken(*write("d", A), *write("s", A), *clear("d", A))
    assert ("TA-TURN-1", 6) in [(rule, line) for rule, line, _ in found]


def test_a_clear_that_empties_the_database_is_seen() -> None:
    found = broken(*write("d", A), *clear("d", A, "L FLUSHDB"))
    assert [rule for rule, *_ in found] == ["TA-CLEAR-8"]


def test_a_choice_that_the_reading_does_not_make_is_told() -> None:
    report = audited(text_of(*write("d", A), *write("d", B), *clear("d", B)), DEFAULT_READING)
    assert (report["verdict"], report["other_choices"]) == ("conforms", ["D1 = mint, where the reading has reuse"])


@pytest.mark.parametrize("option", ["--json", "--html", "--junit"])
def test_a_report_is_not_written_over_the_trace_that_it_is_about(tmp_path: Path, option: str) -> None:
    trace = tmp_path / "traffic.log"
    trace.write_bytes(text_of(*write("d", A), *clear("d", A)))
    before = trace.read_bytes()
    run = CliRunner().invoke(app, ["audit", str(trace), option, str(tmp_path / "." / "traffic.log")])
    assert isinstance(run.exception, Problem)
    assert "is the trace itself, which the report would overwrite" in str(run.exception)
    assert trace.read_bytes() == before
