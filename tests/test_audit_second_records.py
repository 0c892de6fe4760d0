"""Is a second record of the open turn, or of its affinity, seen where it is put to use? TA-KEY-2, one claim a trace."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import UUID

import pytest
from test_audit_clean import audited
from test_audit_small import A, B, broken, clear, failures, select, text_of, write

TAKEN, CLOSED = f"A HDEL scheduler:turn:{A} affinity_node_id", "A HDEL scheduler:session:d current_turn_id"
NODE = "n1"

RECORDS = {
    "SET": ("SET open:d {}", "GET open:d"),
    "SETNX": ("SETNX open:d {}", "GET open:d"),
    "GETSET": ("GETSET open:d {}", "GET open:d"),
    "SETEX": ("SETEX open:d 300 {}", "GET open:d"),
    "PSETEX": ("PSETEX open:d 300000 {}", "GETEX open:d EX 300"),
    "GETDEL": ("SET open:d {} EX 300", "GETDEL open:d"),
    "MSET": ("MSET x 1 open:d {} y 2", "MGET y open:d"),
    "MSETNX": ("MSETNX open:d {}", "MGET open:d"),
    "a field of the session's": ("HSET open:d id {}", "HGET open:d id"),
    "a field of everybody's": ("HSET open at 17 d {}", "HMGET open x d"),
    "HMSET": ("HMSET open:d id {}", "HGET open:d id"),
    "HSETNX": ("HSETNX open:d id {}", "HGET open:d id"),
}
record = pytest.mark.parametrize(("put", "get"), RECORDS.values(), ids=RECORDS)


def key_2(*lines: str) -> Iterator[tuple[int, int]]:
    """(line, line of the cause) of each failure of TA-KEY-2."""
    return ((line, cause) for rule, line, cause in broken(*lines) if rule == "TA-KEY-2")


def turn_put(put: str, *between: str) -> list[str]:
    """A turn is written, an id of it put somewhere, and closed by that: lines 4, then `between`, then the clear."""
    return [*write("d", A), f"A {put}".format(A), *between, TAKEN, CLOSED]


@record
def test_a_second_record_is_seen_where_it_was_read_last_before_the_clear(put: str, get: str) -> None:
    assert list(key_2(*turn_put(put, f"A {get}"))) == [(5, 4)]
    assert list(key_2(*turn_put(put, "A EXISTS y", f"A {get.lower()}"))) == [(6, 4)]


@record
def test_a_second_record_made_before_the_sessions_own_is_known_too(put: str, get: str) -> None:
    call, affinity, pointer = write("d", A)
    lines = [call, affinity, f"L {put}".format(A), pointer, f"A {get}", TAKEN, CLOSED]
    assert list(key_2(*lines)) == [(5, 3)]


@record
def test_a_record_that_is_never_read_before_a_clear_is_nobodys_business(put: str, get: str) -> None:
    assert list(key_2(*turn_put(put))) == []
    assert list(key_2(*turn_put(put, f"O {get}"))) == []
    assert list(key_2(*turn_put(put), f"A {get}")) == []


def test_any_key_that_got_the_id_is_a_record_once_it_is_read_back_whatever_its_name() -> None:
    assert list(key_2(*turn_put("SET speaker:17 {}", "A GET speaker:17"))) == [(5, 4)]
    call, affinity, pointer = write("d", A)
    lines = [call, affinity, f"L SET speaker:17 {A}", pointer, "A GET speaker:17", TAKEN, CLOSED]
    assert list(key_2(*lines)) == [(5, 3)]


def test_a_record_that_holds_something_else_by_now_tells_nothing() -> None:
    assert list(key_2(*turn_put("SET open:d {}", "A SET open:d nothing", "A GET open:d"))) == []
    assert list(key_2(*turn_put("SET open:d {}", "A DEL open:d", "A GET open:d"))) == []
    assert list(key_2(*turn_put("HSET open:d id {}", "A HDEL open:d id", "A HGET open:d id"))) == []
    assert list(key_2(*turn_put("SADD open {}", f"A SREM open {A}", "A SMEMBERS open"))) == []
    other = [*write("e", B), f"A SET open:d {B}"]
    assert list(key_2(*turn_put("SET open:d {}", *other, "A GET open:d"))) == [(9, 8)]  # it is turn B's now


def test_a_record_that_was_given_another_name_is_one_still() -> None:
    assert list(key_2(*turn_put("SET open:d {}", "A RENAME open:d now:d", "A GET now:d"))) == [(6, 4)]
    assert list(key_2(*turn_put("SET open:d {}", "A RENAME open:d now:d", "A GET open:d"))) == []


def test_each_of_several_records_read_counts_for_its_own_turn() -> None:
    other = [*write("e", B), f"A SET open:e {B}"]
    lines = turn_put("SET open:d {}", *other, "A GET open:d", "A GET open:e")
    assert sorted(key_2(*lines)) == [(9, 4), (10, 8)]


def test_a_record_read_once_tells_of_one_clear() -> None:
    again = [*write("d", A), TAKEN, CLOSED]
    assert list(key_2(*turn_put("SET open:d {}", "A GET open:d"), *again)) == [(5, 4)]


def test_a_whole_hash_that_is_read_is_a_record_if_it_is_the_sessions_own() -> None:
    assert list(key_2(*turn_put("HSET open:d id {}", "A HGETALL open:d"))) == [(5, 4)]
    assert list(key_2(*turn_put("HSET job:17 turn_id {}", "A HGETALL job:17"))) == []  # a job's, for whatever reason
    assert list(key_2(*turn_put("HSET scheduler:session:d turn {}", "A HGETALL scheduler:session:d"))) == []


TOO_SHORT = ["SET open:d", "SETEX open:d 300", "MSET open:d", "GET", "HGET", "MGET", "HSET open:d id"]


@pytest.mark.parametrize("command", TOO_SHORT)
def test_a_command_that_redis_refuses_for_its_length_stops_nothing(command: str) -> None:
    assert list(key_2(*turn_put("SET open:d {}", f"A {command}", "A GET open:d"))) == [(6, 4)]


def test_a_line_cut_within_a_script_stops_nothing() -> None:
    lines = [*write("d", A, *(f"L {command}" for command in TOO_SHORT)), f"A SET open:d {A}", "A GET open:d", TAKEN]
    assert list(key_2(*lines)) == [(len(lines) - 1, len(lines) - 2)]


def test_the_contracts_own_field_at_another_key_is_blamed_where_it_is_read_and_not_again_at_the_clear() -> None:
    lines = turn_put("HSET backup:d current_turn_id {}", "A HGET backup:d current_turn_id")
    assert list(key_2(*lines)) == [(5, 5)]


def test_the_message_names_the_turn_the_record_and_the_line_of_its_reading() -> None:
    (seen,) = [
        f for rule, f in failures(tuple(turn_put("HSET open:d id {}", "A HGET open:d id"))) if rule == "TA-KEY-2"
    ]
    assert seen["observed"] == "its id is read from open:d id, which got it at line 4"
    assert seen["expected"] == f"open turn {A} is known from its session and its own key alone"


@pytest.mark.parametrize(("name", "sessions"), [("open-turn:{}", 100), ("{}:open-turn", 30)])
def test_the_records_of_many_sessions_are_seen(name: str, sessions: int) -> None:
    lines = []
    for number in range(sessions):
        session, turn = f"session-{number}", str(UUID(int=number << 64 | 5 << 32, version=4))
        lines += [*write(session, turn), f"A SET {name.format(session)} {turn}", f"A GET {name.format(session)}"]
        lines += [TAKEN.replace(A, turn), CLOSED.replace("session:d", f"session:{session}")]
    broken_rules = {rule["id"]: rule["broken"] for rule in audited(text_of(*lines))["rules"] if rule["broken"]}
    assert broken_rules["TA-KEY-2"] == sessions


@record
def test_a_second_record_of_an_affinity_is_seen_where_a_selection_reads_it(put: str, get: str) -> None:
    chosen = f"L {put}".format(NODE)
    assert list(key_2(*write("d", A, chosen), *select(A, A, f"L {get}"), *clear("d", A))) == [(7, 7)]
    assert list(key_2(*write("d", A, chosen), *select(A, A), *clear("d", A))) == []
    assert list(key_2(*write("d", A, chosen), *select(A, A), f"O {get}", *clear("d", A))) == []


def test_a_second_record_of_an_affinity_may_be_named_by_the_turn() -> None:
    chosen, read = f"L SET node-of:{A} {NODE}", f"L GET node-of:{A}"
    assert list(key_2(*write("d", A, chosen), *select(A, A, read), *clear("d", A))) == [(7, 7)]


def test_a_node_put_elsewhere_is_no_record_of_an_affinity() -> None:
    read = "L GET latest"
    later = [*write("d", A), f"A SET latest {NODE}"]  # a step of its own: some job's node, by chance the same
    assert list(key_2(*later, *select(A, A, read), *clear("d", A))) == []
    read = "L GET app:aff:d"
    another = write("d", A, "L SET app:aff:d n2")
    assert list(key_2(*another, *select(A, A, read), *clear("d", A))) == []


def test_a_node_put_elsewhere_in_the_step_that_records_it_or_under_its_turns_name_is_a_record() -> None:
    assert list(key_2(*write("d", A, f"L SET latest {NODE}"), *select(A, A, "L GET latest"), *clear("d", A))) == [
        (7, 7)
    ]
    later = [*write("d", A), f"A SET node-of:{A} {NODE}"]
    assert list(key_2(*later, *select(A, A, f"L GET node-of:{A}"), *clear("d", A))) == [(7, 7)]


def test_a_jobs_binding_is_no_record_of_an_affinity_whatever_the_job_is_called() -> None:
    bound, read = f"L SET lingua:v1:job:d-1:node {NODE} EX 3600", "L GET lingua:v1:job:d-1:node"
    assert broken(*write("d", A, bound), *select(A, A, read), *clear("d", A)) == []


def test_a_record_of_an_affinity_that_was_put_to_another_use_is_none() -> None:
    lines = [*write("d", A, f"L SET app:aff:d {NODE}"), "A SET app:aff:d x", *select(A, A, "L GET app:aff:d")]
    assert list(key_2(*lines, *clear("d", A))) == []


SECOND_OF_TWO = {
    "records": [*write("d", A), f"A SET open:d {A}", *write("e", B), f"A SET open:e {B}", "A GET open:d", TAKEN],
    "records made before the session's own": [
        *[*write("d", A)[:2], f"L SET open:d {A}", *write("e", B)[:2], f"L SET open:e {B}"],
        *[write("d", A)[2], write("e", B)[2], "A GET open:d", TAKEN],
    ],
    "reads": [*write("d", A), f"A SET open:d {A}", "A GET open:d", *write("e", B), f"A SET open:e {B}", "A GET open:e"],
    "records of an affinity": [
        *[*write("d", A, f"L SET app:d {NODE}"), *write("e", B, f"L SET app:e {NODE}")],
        *select(A, A, "L GET app:d"),
    ],
}


@pytest.mark.parametrize("lines", SECOND_OF_TWO.values(), ids=SECOND_OF_TWO)
def test_the_oldest_gives_way_where_there_are_too_many(lines: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    before = len(list(key_2(*lines)))
    for bound in ("PLACES", "READS", "EARLY"):
        monkeypatch.setattr(f"turnaffinity.audit.second_records.{bound}", 1)
    assert len(list(key_2(*lines))) == before - 1
