"""Does a trace get what the contract's own words give it? Right and wrong neighbours, one claim a trace.

The words are DESIGN's, section 4: *Anybody's TTL*, *KEYS and SCAN in a trace*, *A second record in a trace*, *Blame*.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from audit_traffic import Atom, SessionFlow, interleave, noise, style_of
from audit_traffic import text_of as traffic
from hypothesis import given, settings
from hypothesis import strategies as st
from test_audit_clean import audited
from test_audit_small import CLIENTS, OTHER, A, B
from test_audit_small import clear as by_script
from test_audit_small import select as select_by_script
from test_audit_small import write as write_by_script

from turnaffinity.contract.decisions import PRESETS, Reading

TRACES = Path(__file__).parent / "cases" / "traces"
SENDERS = CLIENTS | {"C": "127.0.0.1:2", "U": "unix:/run/redis.sock"}
SELECTS, CLEARS, FIRST = "TA-SEL-5", "TA-CLEAR-8", "TA-KEY-2"


def text_of(*lines: str, gap_s: float = 0.0001) -> bytes:
    """MONITOR traffic, as `test_audit_small` writes it; besides, C is a second connection and U a unix socket."""
    told = []
    for number, line in enumerate(lines, start=1):
        who, *argv = line.split()
        told.append(f"{1700000000 + number * gap_s:.6f} [0 {SENDERS[who]}] " + " ".join(f'"{word}"' for word in argv))
    return "".join(line + "\n" for line in told).encode()


def judged(*lines: str, reading: str = "intent", gap_s: float = 0.0001) -> dict[str, Any]:
    return audited(text_of(*lines, gap_s=gap_s), PRESETS[reading])


def failed(*lines: str, reading: str = "intent", gap_s: float = 0.0001) -> list[tuple[str, int]]:
    """(rule, line) of each failure."""
    report = judged(*lines, reading=reading, gap_s=gap_s)
    return [(rule["id"], each["line"]) for rule in report["rules"] for each in rule["failures"]]


def status(rule_id: str, *lines: str) -> str:
    return next(str(rule["status"]) for rule in judged(*lines)["rules"] if rule["id"] == rule_id)


def by(who: str, *lines: str) -> list[str]:
    """These lines of A's, sent by another."""
    return [line.replace("A ", f"{who} ", 1) if line.startswith("A ") else line for line in lines]


def read(session: str = "d") -> str:
    return f"A HGET scheduler:session:{session} current_turn_id"


def look(turn: str = A) -> str:
    return f"A HGET scheduler:turn:{turn} affinity_node_id"


def pools(node: str = "n1") -> list[str]:
    return ["A SMEMBERS lingua:v1:pool:zh:en:0:nodes", f"A EXISTS lingua:v1:node:{node}"]


def write(session: str = "d", turn: str = A) -> list[str]:
    return [
        "A MULTI",
        f"A HSET scheduler:turn:{turn} affinity_node_id n1",
        f"A HSET scheduler:session:{session} current_turn_id {turn}",
        "A EXEC",
    ]


def clear(session: str = "d", turn: str = A) -> list[str]:
    return [
        read(session),
        f"A HDEL scheduler:turn:{turn} affinity_node_id",
        f"A HDEL scheduler:session:{session} current_turn_id",
    ]


EXTENDS = [read(), look(), *pools(), *write()]
CLOSES = [*clear(), look(B), *pools()]
FIND = "A KEYS lingua:v1:pool:zh:en:*:nodes"


@pytest.mark.parametrize(
    ("name", "verdict", "rule", "lines"),
    [
        ("wrong-keys-in-a-plain-selection", "violates", SELECTS, {4}),
        ("wrong-a-strangers-expire", "violates", "TA-NEVER-1", {11}),
        ("wrong-the-pointer-in-a-key-of-its-own", "violates", FIRST, {8, 15}),
        ("right-a-strangers-scan-on-a-unix-socket", "conforms", "", set()),
    ],
)
def test_the_agreed_traces_get_what_they_deserve(name: str, verdict: str, rule: str, lines: set[int]) -> None:
    report = audited((TRACES / f"{name}.mon").read_bytes())
    found = {
        (each["id"], place)
        for each in report["rules"]
        for failure in each["failures"]
        for place in (failure["line"], failure["cause_line"])
    }
    assert report["verdict"] == verdict
    assert found == {(rule, line) for line in lines}


def test_what_these_tests_call_right_is_right() -> None:
    for lines in ([*EXTENDS, *CLOSES], by("U", *EXTENDS, *CLOSES)):
        assert (failed(*lines), judged(*lines)["verdict"]) == ([], "conforms")


# KEYS and SCAN


def with_scan(lines: list[str], scan: str, at: int) -> list[str]:
    return [*lines[:at], scan, *lines[at:]]


SCANS = {
    "KEYS": "KEYS lingua:v1:pool:zh:en:*:nodes",
    "lower case": "keys lingua:v1:pool:zh:en:*:nodes",
    "mixed case": "kEyS lingua:v1:pool:*",
    "SCAN": "SCAN 0 MATCH lingua:v1:pool:* COUNT 100",
    "scan": "scan 0 match lingua:v1:pool:*",
    "mixed scan": "sCaN 0 CoUnT 10 MaTcH lingua:v1:pool:*",
    "nodes": "KEYS lingua:v1:node:*",
    "jobs": "SCAN 0 MATCH lingua:v1:job:*",
    "its own": "KEYS scheduler:pool:*:members",
    "blobs": "SCAN 0 MATCH blob:*",
}
scans = pytest.mark.parametrize("scan", SCANS.values(), ids=SCANS)


@scans
@pytest.mark.parametrize("at", [1, 2, 4])
def test_a_scan_between_the_first_read_of_a_finalize_and_its_write_is_one_while_it_selects(scan: str, at: int) -> None:
    assert failed(*with_scan(EXTENDS, f"A {scan}", at), *CLOSES) == [(SELECTS, at + 1)]


@scans
@pytest.mark.parametrize("at", [1, 2])
def test_a_scan_between_the_read_of_a_clear_and_its_end_is_one_while_it_clears(scan: str, at: int) -> None:
    assert failed(*EXTENDS, *with_scan(CLOSES, f"A {scan}", at)) == [(CLEARS, len(EXTENDS) + at + 1)]


@scans
def test_a_scan_outside_any_finalize_is_the_schedulers_own_business(scan: str) -> None:
    line = f"A {scan}"
    assert failed(line, *EXTENDS, *CLOSES) == []
    assert failed(*EXTENDS, line, *CLOSES) == []
    assert failed(*EXTENDS, *CLOSES, line) == []
    assert failed(*EXTENDS, *CLOSES, line, *EXTENDS[:1], *(each.replace(A, OTHER) for each in EXTENDS[1:])) == []


@scans
def test_a_stranger_may_scan_whenever_he_likes(scan: str) -> None:
    for at in range(len(EXTENDS)):
        lines = [*with_scan(EXTENDS, f"O {scan}", at), *CLOSES]
        assert (failed(*lines), status(SELECTS, *lines)) == ([], "unobservable")


def test_a_selection_that_begins_with_a_look_for_pools_is_known_by_what_comes_next() -> None:
    minting = [look(), *pools(), *write()]
    assert failed(FIND, *minting, *CLOSES, reading="literal") == [(SELECTS, 1)]
    assert failed(FIND, *pools(), *write(), *CLOSES, reading="literal") == [(SELECTS, 1)]
    assert failed(*EXTENDS, *clear(), FIND, look(B), *pools()) == [(SELECTS, 12)]
    assert failed(FIND, *by("C", *minting), *CLOSES, reading="literal") == []  # a connection of its own
    assert failed("A KEYS lingua:v1:job:*", *minting, *CLOSES, reading="literal") == []


def test_the_selection_of_a_closing_finalize_that_is_seen_to_look_for_pools_needs_no_end() -> None:
    assert failed(*EXTENDS, *clear(), look(B), FIND, *pools()) == [(SELECTS, 13)]
    assert failed(*EXTENDS, *clear(), look(B), FIND, look(B)) == [(SELECTS, 13)]  # its next job
    # pools were asked already: what is listed afterwards serves nobody
    assert failed(*EXTENDS, *CLOSES, FIND, "A SCARD lingua:v1:pool:zh:en:0:nodes") == []


def test_who_looks_for_pools_long_after_a_read_is_not_selecting() -> None:
    assert failed(*EXTENDS, *clear(), look(B), FIND, *pools(), gap_s=11) == []
    assert failed(*with_scan(EXTENDS, FIND, 2), *CLOSES, gap_s=5) == [(SELECTS, 3)]
    assert failed(*with_scan(EXTENDS, "A KEYS blob:*", 2), *CLOSES, gap_s=11) == []


@pytest.mark.parametrize("reads", ["HGETALL {}", "HMGET {} current_turn_id user"])
def test_a_session_may_be_read_in_any_way(reads: str) -> None:
    begins = [f"A {reads.format('scheduler:session:d')}", FIND, *EXTENDS[1:]]
    assert failed(*begins, *CLOSES) == [(SELECTS, 2)]


def test_a_scan_for_turns_or_sessions_is_one_for_a_clear_wherever_it_stands() -> None:
    for pattern in ("scheduler:turn:*", "scheduler:session:d*", "scheduler:*", "*", "sched?ler:turn:*"):
        scan = f"A KEYS {pattern}"
        assert failed(*EXTENDS, scan, *CLOSES) == [(CLEARS, 9)]
        assert failed(*EXTENDS, *CLOSES, scan) == [(CLEARS, 15)]
        assert failed(*EXTENDS, *with_scan(CLOSES, scan, 1)) == [(CLEARS, 10)]
    assert failed(*with_scan(EXTENDS, "A KEYS scheduler:turn:*", 2), *CLOSES) == [(SELECTS, 3)]
    assert failed(*EXTENDS, "A SCAN 0", *CLOSES) == [(CLEARS, 9)]
    assert failed(*EXTENDS, "O KEYS *", *CLOSES) == []


def test_several_sessions_at_once_do_not_hide_a_scan() -> None:
    beside = by("C", read("e"), look(B), *pools(), *write("e", B))
    both = [line for pair in zip(with_scan(EXTENDS, FIND, 2), [*beside, "C PING"], strict=True) for line in pair]
    assert failed(*both, *CLOSES, *by("C", *clear("e", B))) == [(SELECTS, 5)]
    one_connection = [read("e"), look(B), *with_scan(EXTENDS, FIND, 2), *pools(), *write("e", B)]
    assert failed(*one_connection, *CLOSES) == [(SELECTS, 5)]


def test_a_scan_on_a_connection_of_several_sessions_is_the_finalizes_whose_read_came_last() -> None:
    for scan in ("A KEYS lingua:v1:job:*", "A KEYS blob:*"):
        begun = [*EXTENDS, *(line.replace(A, B) for line in [read("e"), look(), *pools()])]
        both = [*begun, read(), scan, *(line for line in write("e", B)), *clear()[1:], *clear("e", B)]
        assert failed(*both) == [(CLEARS, 14)]


def test_connections_of_one_pool_share_a_finalize() -> None:
    for at in (1, 2, 3):
        lines = [*with_scan(EXTENDS, FIND.replace("A ", "C ", 1), at), *by("C", *CLOSES)]
        assert failed(*lines) == [(SELECTS, at + 1)]
        own = [*with_scan(EXTENDS, "C KEYS blob:*", at), *by("C", *CLOSES)]
        assert failed(*own) == []  # nothing tells that it was this finalize's


def test_who_selects_by_script_finds_no_pools_by_a_scan_on_another_connection() -> None:
    extends = [read(), *select_by_script(A, A), *write_by_script("d", A)]
    lines = [*extends, *by_script("d", A), *extends[:1], "C KEYS lingua:v1:pool:*"]
    lines += [line.replace(A, B) for line in extends[1:]]
    assert failed(*lines, *by("C", *by_script("d", B))) == []


def test_a_finalize_that_writes_by_script_may_scan_no_more_than_another() -> None:
    extends = [read(), look(), *pools(), *write_by_script("d", A)]
    assert failed(*with_scan(extends, FIND, 1), *by_script("d", A)) == [(SELECTS, 2)]
    reads_again = [*extends[:5], f"L HGET {read().split()[2]} current_turn_id", *extends[5:]]
    for scan in (FIND, "A KEYS blob:*"):
        assert failed(*with_scan(reads_again, scan, 1), *by_script("d", A)) == [(SELECTS, 2)]


def test_a_scan_between_a_finalize_that_found_no_node_and_the_next_is_in_neither() -> None:
    scan = "A KEYS scheduler:pool:*:members"
    assert failed(*EXTENDS, read(), look(), *pools(), scan, *EXTENDS, *CLOSES) == []
    assert failed(*EXTENDS, read(), look(), *pools(), scan, *by_script("d", A)) == []


def test_the_fallback_clear_that_finds_nothing_open_ends_its_finalize() -> None:
    again = [read(), *(line.replace(A, OTHER) for line in EXTENDS[1:]), *clear("d", OTHER)]
    assert failed(*EXTENDS, *CLOSES, read(), "A KEYS blob:*", *again) == []
    minting = [*(line.replace(A, OTHER) for line in EXTENDS[1:]), *clear("d", OTHER)]
    for scan in ("KEYS blob:*", "KEYS lingua:v1:job:*"):
        assert failed(*EXTENDS, *CLOSES, read(), f"A {scan}", *minting, reading="literal") == []
    assert failed(*EXTENDS, *CLOSES, read(), "A KEYS blob:*", *minting, reading="intent") == []  # it is not known yet


def test_an_operator_who_looks_at_a_turn_ends_nothing() -> None:
    looks = [look(B).replace("A ", "O ", 1), read().replace("A ", "O ", 1)]
    assert failed(*EXTENDS, *CLOSES, "A KEYS blob:*", *looks) == []
    assert failed(*EXTENDS[:2], FIND, *looks, *EXTENDS[2:], *CLOSES) == [(SELECTS, 3)]


@pytest.mark.parametrize(
    ("inside", "rule"),
    [
        ([read(), FIND, *clear()[1:]], CLEARS),
        ([read(), "A SCAN 0 MATCH lingua:v1:job:*", *clear()[1:]], CLEARS),
        ([read(), "A KEYS blob:*", *clear()[1:]], CLEARS),
        ([*write()[1:2], FIND, *write()[2:3]], SELECTS),
        ([look(), FIND, *pools()], SELECTS),
        ([read(), "A KEYS scheduler:session:d*"], CLEARS),
    ],
    ids=["clear", "clear, jobs", "clear, its own", "write", "selection", "read"],
)
def test_a_scan_within_a_script_or_a_transaction_is_one_for_what_else_is_in_it(inside: list[str], rule: str) -> None:
    at = next(at for at, line in enumerate(inside) if "KEYS" in line or "SCAN" in line) + 2
    script = ["A EVALSHA dddd 0 d", *(line.replace("A ", "L ", 1) for line in inside)]
    before = [] if rule is SELECTS else EXTENDS
    after = [*write(), *clear()] if rule is SELECTS else clear()
    assert failed(*before, *script, *after) == [(rule, len(before) + at)]
    assert failed(*before, "A MULTI", *inside, "A EXEC", *after) == [(rule, len(before) + at)]


def test_a_script_that_scans_and_does_nothing_else_with_turns_is_a_scan_like_any_other() -> None:
    for scan in ("KEYS lingua:v1:pool:*", "KEYS blob:*", "SCAN 0 MATCH lingua:v1:job:*"):
        script = ["A EVALSHA eeee 0", f"L {scan}", "L SCARD lingua:v1:pool:zh:en:0:nodes"]
        assert failed(*EXTENDS, *CLOSES, *script) == []
        assert failed(*EXTENDS, *by("O", *script), *CLOSES) == []
        assert failed(*EXTENDS[:2], *script, *EXTENDS[2:], *CLOSES) == [(SELECTS, 4)]
        transaction = ["A MULTI", f"A {scan}", "A EXEC"]
        assert failed(*EXTENDS, *transaction, *CLOSES) == []
        assert failed(*EXTENDS[:2], *transaction, *EXTENDS[2:], *CLOSES) == [(SELECTS, 4)]


def test_the_word_alone_is_no_scan() -> None:
    for line in ("A SET KEYS 1", "A SSCAN KEYS 0", "A SET x KEYS", "A HSCAN h 0 MATCH scan", "A PUBLISH SCAN SCAN"):
        assert failed(*with_scan(EXTENDS, line, 2), *CLOSES) == []


def test_a_gap_ends_whatever_was_under_way() -> None:
    gap = b"# turnaffinity:gap 1.0 s\n"
    whole = text_of(*EXTENDS, *CLOSES)
    again = [line.replace(A, OTHER) for line in EXTENDS]
    assert failed(*EXTENDS, *CLOSES, *with_scan(again, "A KEYS blob:*", 2)) == [(SELECTS, 17)]
    trace = whole + text_of(*again[:2], "A KEYS blob:*") + gap + text_of(*again[2:])
    assert [rule["id"] for rule in audited(trace)["rules"] if rule["failures"]] == []


# over a unix socket


def test_over_a_unix_socket_a_scan_of_other_keys_is_nobodys() -> None:
    for scan in ("SCAN 0 MATCH blob:*", "keys blob:*", "KEYS scheduler:pool:*:members"):
        for at in range(len(EXTENDS)):
            assert failed(*by("U", *with_scan(EXTENDS, f"A {scan}", at), *CLOSES)) == []
        for at in range(3):
            assert failed(*by("U", *EXTENDS, *with_scan(CLOSES, f"A {scan}", at))) == []


def test_over_a_unix_socket_a_scan_of_the_layouts_keys_within_a_finalize_is_the_schedulers() -> None:
    for scan in ("KEYS lingua:v1:pool:*", "SCAN 0 MATCH lingua:v1:job:*"):
        assert failed(*by("U", *with_scan(EXTENDS, f"A {scan}", 2), *CLOSES)) == [(SELECTS, 3)]
        assert failed(*by("U", *EXTENDS, *with_scan(CLOSES, f"A {scan}", 1))) == [(CLEARS, 10)]
        assert failed(*by("U", *with_scan(EXTENDS, f"A {scan}", 5), *CLOSES)) == [(SELECTS, 6)]  # in its MULTI
        assert failed(*by("U", *EXTENDS, f"A {scan}", *CLOSES, f"A {scan}")) == []


def test_over_a_unix_socket_a_scan_of_everything_is_unobservable() -> None:
    for at in (2, 5, 8):
        lines = by("U", *with_scan(EXTENDS, "A KEYS *", at), *CLOSES)
        assert (failed(*lines), status(CLEARS, *lines)) == ([], "unobservable")


def test_over_a_unix_socket_a_script_is_one_clients_all_the_same() -> None:
    script = ["U EVALSHA dddd 0 d", "L KEYS blob:*", *(line.replace("A ", "L ", 1) for line in clear())]
    assert failed(*by("U", *EXTENDS), *script) == [(CLEARS, 10)]


# anybody's TTL

TTL_COMMANDS = [
    "EXPIRE {} 300", "expire {} 300", "ExPiRe {} 300", "PEXPIRE {} 300000", "EXPIREAT {} 1800000000",
    "pexpireat {} 1800000000000", "PERSIST {}", "persist {}", "GETEX {} EX 300",
    "HEXPIRE {} 9 FIELDS 1 affinity_node_id",
    "HPERSIST {} FIELDS 1 affinity_node_id", "HGETEX {} EX 9 FIELDS 1 affinity_node_id", "SETEX {} 300 n1",
    "SET {} n1 EX 300", "set {} n1 px 300", "RESTORE {} 300 x REPLACE",
]  # fmt: skip


@pytest.mark.parametrize("command", TTL_COMMANDS)
@pytest.mark.parametrize("who", ["O", "U", "A"])
def test_a_ttl_command_on_a_turn_key_breaks_the_rule_whoever_sends_it(command: str, who: str) -> None:
    line = f"{who} {command.format(f'scheduler:turn:{A}')}"
    for lines in ([*EXTENDS, line, *CLOSES], [line, *EXTENDS, *CLOSES], [*EXTENDS, *CLOSES, line]):
        assert ("TA-NEVER-1", lines.index(line) + 1) in failed(*lines)


@pytest.mark.parametrize(
    "block", [["O MULTI", "O {}", "O EXEC"], ["O EVALSHA ffff 0", "L {}"]], ids=["MULTI", "script"]
)
def test_a_strangers_ttl_in_a_script_or_a_transaction_is_one_too(block: list[str]) -> None:
    lines = [line.format(f"EXPIRE scheduler:turn:{A} 300") for line in block]
    assert ("TA-NEVER-1", 10) in failed(*EXTENDS, *lines, *CLOSES)


def test_a_turn_that_was_never_seen_is_one_by_its_id() -> None:
    assert failed(*EXTENDS, *CLOSES, f"O EXPIRE scheduler:turn:{OTHER} 9") == [("TA-NEVER-1", 15)]
    assert failed(*EXTENDS, *CLOSES, f"O EXPIRE scheduler:turn:{OTHER.upper()} 9") == [("TA-NEVER-1", 15)]
    odd = [line.replace(A, "t-1") for line in EXTENDS]
    assert ("TA-NEVER-1", 9) in failed(*odd, "O EXPIRE scheduler:turn:t-1 9")


@pytest.mark.parametrize(
    "line",
    [
        f"TTL scheduler:turn:{A}", f"PTTL scheduler:turn:{A}", f"EXPIRETIME scheduler:turn:{A}",
        f"OBJECT ENCODING scheduler:turn:{A}", f"HTTL scheduler:turn:{A} FIELDS 1 affinity_node_id",
        f"TYPE scheduler:turn:{A}", f"HGETALL scheduler:turn:{A}",
        "EXPIRE scheduler:session:d 3600", "PERSIST scheduler:session:d", "EXPIRE lingua:v1:node:n1 30",
        f"SET scheduler:turn:{A}:lock tok NX PX 5000",
        f"EXPIRE scheduler:turn:{A}:lock 9", "EXPIRE scheduler:turn:all 9",
    ],
)  # fmt: skip
@pytest.mark.parametrize("who", ["O", "U"])
def test_a_stranger_may_look_and_the_session_manager_has_its_own_hash(line: str, who: str) -> None:
    lines = [*EXTENDS, f"{who} {line}", *CLOSES]
    assert (failed(*lines), judged(*lines)["verdict"]) == ([], "conforms")


def test_a_strangers_ttl_on_a_turn_is_no_breach_of_the_write() -> None:
    lines = [*EXTENDS, f"O EXPIRE scheduler:turn:{A} 9", *CLOSES]
    assert failed(*lines) == [("TA-NEVER-1", 9)]


def test_a_key_of_that_name_in_a_database_that_the_scheduler_does_not_use_is_another_key() -> None:
    trace = text_of(*EXTENDS, f"O EXPIRE scheduler:turn:{A} 9", *CLOSES)
    elsewhere = trace.replace(b"[0 10.0.0.9:9]", b"[5 10.0.0.9:9]")
    assert audited(trace)["verdict"] == "violates"
    assert audited(elsewhere)["verdict"] == "conforms"
    assert audited(elsewhere.replace(b"[0 ", b"[5 "))["verdict"] == "violates"


# a second record

GIVEN = f"SET speaker:7:open {A}"
BY_ITSELF = [
    "A GET speaker:7:open", look(), *pools(), f"A HSET scheduler:turn:{A} affinity_node_id n1", f"A {GIVEN}",
    "A GET speaker:7:open", look(), *pools(), "A GET speaker:7:open", f"A HDEL scheduler:turn:{A} affinity_node_id",
    "A DEL speaker:7:open", look(B), *pools(),
]  # fmt: skip
"""A scheduler that knows the open turn from a key of its own alone, which is line 6, and reads it at lines 7 and 11."""


def test_the_open_turn_in_a_key_of_its_own_is_seen_though_no_session_names_it() -> None:
    assert failed(*BY_ITSELF) == [(FIRST, 11)]
    assert failed(*by("U", *BY_ITSELF)) == [(FIRST, 11)]


RECORDS = {
    "string": ("SET {key} {id}", "GET {key}"),
    "lower case": ("set {key} {id}", "get {key}"),
    "with a life": ("SETEX {key} 300 {id}", "GETEX {key} PERSIST"),
    "hash": ("HSET {key} id {id}", "HGET {key} id"),
    "hash of all": ("HSET open {key} {id}", "HMGET open {key} x"),
    "set": ("SADD {key} {id}", "SMEMBERS {key}"),
    "member": ("SADD {key} {id}", "SISMEMBER {key} {id}"),
    "list": ("RPUSH {key} {id}", "LINDEX {key} 0"),
    "sorted set": ("ZADD {key} 17 {id}", "ZRANGE {key} 0 -1"),
    "of the session's hash": ("HSET scheduler:session:d turn {id}", "HGET scheduler:session:d turn"),
    "of the turn's key": ("HSET scheduler:turn:{id}x turn {id}", "HGET scheduler:turn:{id}x turn"),
}
KEYS = ("scheduler:session:d:open", "lingua:v1:open:d", "speaker:7", "d", "open-17", "lingua:v1:job:d:turn")


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize(("put", "get"), RECORDS.values(), ids=RECORDS)
def test_any_key_that_got_the_id_and_is_read_back_before_the_clear_is_a_second_record(
    put: str, get: str, key: str
) -> None:
    given, reads = (f"A {each.format(key=key, id=A)}" for each in (put, get))
    for lines in ([*EXTENDS, given, reads, *CLOSES], [*EXTENDS, given, *EXTENDS, reads, *CLOSES]):
        assert (FIRST, lines.index(reads) + 1) in failed(*lines)
        assert {rule for rule, _ in failed(*lines)} <= {FIRST, "TA-CLEAR-6"}
    # before the affinity is written, in lines that have nothing of ours
    early = [given, *EXTENDS, reads, *CLOSES]
    assert (FIRST, len(EXTENDS) + 2) in failed(*early)
    assert FIRST not in {rule for rule, _ in failed(*EXTENDS, given, *CLOSES, reads)}  # after the clear
    assert FIRST not in {rule for rule, _ in failed(*EXTENDS, given, reads.replace("A ", "O ", 1), *CLOSES)}


@pytest.mark.parametrize("key", ["scheduler:session:d:node", "lingua:v1:affinity:d", f"node-of:{A}"])
@pytest.mark.parametrize(("put", "get"), list(RECORDS.values())[:5], ids=list(RECORDS)[:5])
def test_so_is_a_key_with_the_name_of_the_session_or_the_turn_that_got_its_node(put: str, get: str, key: str) -> None:
    given, reads = (f"A {each.format(key=key, id='n1')}" for each in (put, get))
    assert failed(*EXTENDS, given, reads, *CLOSES) == [(FIRST, 10)]
    assert failed(*EXTENDS[:4], given, *EXTENDS[4:], reads, *CLOSES) == [(FIRST, 10)]
    assert failed(*EXTENDS, given, *CLOSES) == []
    assert failed(*EXTENDS, given.replace("n1", "n2"), reads, *CLOSES) == []


def test_a_longer_text_that_mentions_the_turn_is_a_record_if_its_session_names_it() -> None:
    text = '{\\"turn\\":\\"' + A + '\\"}'
    assert failed(*EXTENDS, f"A SET state:d {text}", "A GET state:d", *CLOSES) == [(FIRST, 10)]
    assert failed(f"A SET state:d {text}", *EXTENDS, "A GET state:d", *CLOSES) == [(FIRST, 10)]
    assert failed(*EXTENDS, f"A SET job:17 {text}", "A GET job:17", *CLOSES) == []


def test_a_turn_that_stays_open_to_the_end_was_read_before_its_clear() -> None:
    assert failed(*EXTENDS, f"A {GIVEN}", "A GET speaker:7:open", *EXTENDS) == [(FIRST, 10)]


def test_what_a_key_got_before_counts_only_if_it_holds_it_still() -> None:
    early = ["A SET lock:d n1", "A SET lock:d x"]
    assert failed(*early[:1], *EXTENDS, "A GET lock:d", *CLOSES) == [(FIRST, 10)]
    assert failed(*by("A", *early), *EXTENDS, "A GET lock:d", *CLOSES) == []
    inside = [EXTENDS[0], "A HSET scheduler:session:d last n1", "A HSET scheduler:session:d last x", *EXTENDS[1:]]
    assert failed(*inside, "A HGET scheduler:session:d last", *CLOSES) == []


def test_the_records_of_several_sessions_are_told_apart() -> None:
    others = [line.replace(A, B) for line in [read("e"), look(), *pools(), *write("e", A)]]
    lines = [*EXTENDS, f"A SET open:d {A}", *others, f"A SET open:e {B}", "A GET open:e", *clear("d", A)]
    assert failed(*lines, *clear("e", B)) == [(FIRST, 19)]
    assert failed(*lines[:-4], "A GET open:d", *clear("d", A), *clear("e", B)) == [(FIRST, 19)]


def test_a_whole_scheduler_has_books_of_its_own() -> None:
    books = [
        f"A HSET lingua:v1:job:j1 session_id d turn_id {A} node_id n1 state new", "A EXPIRE lingua:v1:job:j1 60",
        "A INCR lingua:v1:metrics:jobs", f"A SADD turns:today {A}", "A SCARD turns:today",
        "A HGET lingua:v1:job:j1 state",
        "A ZINCRBY load 1 n1", "A ZRANGE load 0 0", "A SET last n1", "A GET last",
        "A SADD lingua:v1:pool:zh:en:1:nodes n1",
        "A SMEMBERS lingua:v1:pool:zh:en:1:nodes", "A HSET lingua:v1:node:n1 id n1", "A HGET lingua:v1:node:n1 id",
        "A SET lingua:v1:job:d-1:node n1 EX 3600", "A GET lingua:v1:job:d-1:node", f"A XADD log * turn {A} node n1",
        f"A PUBLISH turns {A}", f"A APPEND log:d {A}", "A HGETALL lingua:v1:job:j1",
        "A HSET scheduler:session:d user n1",
    ]  # fmt: skip
    for at in range(len(EXTENDS) + 1):
        lines = [*EXTENDS[:at], *books, *EXTENDS[at:], *CLOSES]
        assert (failed(*lines), judged(*lines)["verdict"]) == ([], "conforms"), at


def test_a_node_that_stands_somewhere_by_itself_is_no_record_though_it_is_read_later() -> None:
    for put, reads in (
        ("SET last n1", "GET last"),
        ("HSET stats node n1", "HGET stats node"),
        ("SET lingua:v1:job:d-1:node n1 EX 3600", "GET lingua:v1:job:d-1:node"),
        ("HSET lingua:v1:job:d-1 node_id n1", "HGET lingua:v1:job:d-1 node_id"),
        ("HSET lingua:v1:node:d id n1", "HGET lingua:v1:node:d id"),
    ):
        assert failed(f"A {put}", *EXTENDS, f"A {reads}", *CLOSES) == []
        assert failed(*EXTENDS, f"A {put}", *EXTENDS, f"A {reads}", *CLOSES) == []
    for put, reads in (
        ("SET lingua:v1:job:d-1:node n1", "GET {}"),
        ("HSET lingua:v1:job:d-1 node_id n1", "HGET {} node_id"),
    ):
        # in the step that records the affinity
        bound = [*EXTENDS[:6], f"A {put}", *EXTENDS[6:]]
        assert failed(*bound, f"A {reads.format(put.split()[1])}", *CLOSES) == []


def test_a_dashboard_that_reads_a_copy_is_nobodys_business_and_hides_nobodys_read() -> None:
    copy, theirs = [f"A SET open:d {A}"], "O GET open:d"
    assert (failed(*EXTENDS, *copy, theirs, *CLOSES), status(FIRST, *EXTENDS, *copy, theirs, *CLOSES)) == ([], "pass")
    assert failed(*EXTENDS, *copy, "A GET open:d", theirs, *CLOSES) == [(FIRST, 10)]


def test_over_a_unix_socket_a_look_at_a_copy_is_nobodys_if_the_session_was_asked() -> None:
    copy = [f"A SET open:d {A}", "A GET open:d"]
    assert failed(*by("U", *EXTENDS, *copy, *CLOSES)) == []
    cleared_by_it = [*copy, *clear()[1:]]
    assert failed(*by("U", *EXTENDS, *cleared_by_it)) == [(FIRST, 10)]
    assert failed(*EXTENDS, *copy, *CLOSES) == [(FIRST, 10)]


# in every style


class ScansBetween(SessionFlow):
    """A right scheduler that looks through keys of its own, and pools and jobs, whenever no finalize is under way."""

    def utterance(self, extensions: int, jobs: int) -> Iterator[Atom]:
        for _ in range(extensions):
            yield from self.extend(jobs)
            yield self.scan()
        yield from self.close(jobs)
        yield self.scan()

    def scan(self) -> Atom:
        pattern = self.rng.choice(["blob:*", "scheduler:pool:*:members", "lingua:v1:job:*", "lingua:v1:pool:*:nodes"])
        return [(self.client(), self.rng.choice([("KEYS", pattern), ("scan", "0", "match", pattern)]))]


class ScansToSelect(SessionFlow):
    """Finds the pools with KEYS, by the connection that read the turn."""

    def select(self, turn: str, node: str) -> Iterator[Atom]:
        first, *others = super().select(turn, node)
        client = first[0][0]
        yield first
        yield [
            (client, self.rng.choice([("KEYS", "lingua:v1:pool:zh:en:*"), ("sCAN", "0", "mATCH", "lingua:v1:pool:*")]))
        ]
        yield [(client, ("SMEMBERS", "lingua:v1:pool:zh:en:0:nodes"))]
        yield from others


def lives_of(flow: type[SessionFlow], seed: int, sessions: int, noisy: bool) -> tuple[bytes, Reading | None]:
    """Several sessions' whole utterances, interleaved, in a style drawn from the seed, and a reading that fits it."""
    rng = random.Random(seed)
    style = style_of(rng)
    if flow is ScansToSelect and style.select == "script":
        style.select = "plain"
    names = [f"s{number}" for number in range(sessions)]

    def life(one: SessionFlow) -> Iterator[Atom]:
        for _ in range(2):
            yield from one.utterance(rng.randrange(1, 4), rng.randrange(1, 3))

    streams = [life(flow(name, style, rng)) for name in names]
    if noisy:
        streams.append(noise(rng, names) for _ in range(12))
    reading = rng.choice([None, PRESETS["literal" if style.mint else "intent"]])
    return traffic(list(interleave(rng, streams))), reading


@settings(deadline=None, max_examples=200)
@given(st.integers(0, 10**6))
def test_a_right_scheduler_may_scan_between_its_finalizes_in_any_style(seed: int) -> None:
    trace, reading = lives_of(ScansBetween, seed, sessions=1, noisy=False)
    assert [rule["id"] for rule in audited(trace, reading)["rules"] if rule["failures"]] == []


@settings(deadline=None, max_examples=200)
@given(st.integers(0, 10**6), st.integers(1, 3), st.booleans())
def test_a_plain_selection_that_scans_is_caught_in_any_style(seed: int, sessions: int, noisy: bool) -> None:
    trace, reading = lives_of(ScansToSelect, seed, sessions, noisy)
    rules = audited(trace, reading)["rules"]
    failed = {rule["id"] for rule in rules if rule["failures"]}
    (selects,) = (rule for rule in rules if rule["id"] == SELECTS)
    # of a connection that never writes or clears in one step it is not known whose it is: a warning
    seen = selects["failures"] or selects["warnings"]
    # several sessions on one connection: it stands in the clear of another, too
    assert seen and failed <= ({SELECTS} if sessions == 1 else {SELECTS, CLEARS})
    lines = trace.decode().upper().splitlines()
    assert all('"KEYS"' in lines[each["line"] - 1] or '"SCAN"' in lines[each["line"] - 1] for each in seen)
