"""What a connection's batches show: the id that their jobs share, and whose node is recorded."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from itertools import chain
from uuid import UUID

import pytest
from test_audit_clean import audited
from test_audit_small import CLIENTS, broken, text_of

from turnaffinity.audit import batches
from turnaffinity.audit.batches import ALWAYS, IN_TURN, OFTEN

MANY = 2 * ALWAYS
SCRIPT = 40 * "a"


def turn_id(number: int) -> str:
    return str(UUID(int=number << 64 | 5 << 32, version=4))


def read(session: str) -> list[str]:
    return [f"A HGET scheduler:session:{session} current_turn_id"]


def select(job: str, turn: str, node: str | None, who: str = "A") -> list[str]:
    """A selection by script; `node` None: no candidate."""
    asked = f"L SMEMBERS lingua:v1:pool:zh:{job}:0:nodes"
    return [
        f"{who} EVALSHA {SCRIPT} 0 zh:en {job} {turn}",
        *([f"L HGET scheduler:turn:{turn} affinity_node_id"] if turn != '""' else []),
        asked,
        *([f"L SET lingua:v1:job:{job}:node {node} EX 3600"] if node else []),
    ]


def write(session: str, turn: str, node: str) -> list[str]:
    return [
        f"A EVALSHA bbbb 0 {session} {turn} {node}",
        f"L HSET scheduler:turn:{turn} affinity_node_id {node}",
        f"L HSET scheduler:session:{session} current_turn_id {turn}",
    ]


def batch(number: int, nodes: Sequence[str | None], recorded: str, *, asks: bool = True, under: str = "") -> list[str]:
    """A max_duration finalize of a session of its own; its jobs are selected under its turn unless `under` says so."""
    turn, session = turn_id(number), f"s{number}"
    jobs = [select(f"j{number}.{at}", under or turn, node) for at, node in enumerate(nodes)]
    return [*(read(session) if asks else []), *chain(*jobs), *write(session, turn, recorded)]


GAP = "GAP"


def blamed(parts: Iterable[Sequence[str]]) -> list[tuple[str, int]]:
    """(rule, how many parts came before the one that is blamed) of each failure; a part is lines, or a gap."""
    begins, trace, count = [], b"", 0
    for part in parts:
        begins.append(count + 1)
        told = [b"# turnaffinity:gap 1.0 s\n" if line == GAP else text_of(line) for line in part]
        trace, count = trace + b"".join(told).replace(b'""""', b'""'), count + len(part)
    failures = [(rule["id"], each["line"]) for rule in audited(trace)["rules"] for each in rule["failures"]]
    return [(rule, sum(begin <= line for begin in begins) - 1) for rule, line in failures]


@pytest.mark.parametrize("asks", [True, False])
def test_the_node_of_the_first_job_may_be_recorded_whatever_the_others_got(asks: bool) -> None:
    assert blamed(batch(n, ["n1", "n2", "n3"], "n1", asks=asks) for n in range(MANY)) == []


@pytest.mark.parametrize("asks", [True, False])
@pytest.mark.parametrize(("nodes", "recorded"), [(["n1", "n2"], "n2"), (["n1", "n2", "n3"], "n2")])
def test_a_later_jobs_node_is_seen_once_it_cannot_be_chance(nodes: list[str], recorded: str, asks: bool) -> None:
    found = blamed(batch(n, nodes, recorded, asks=asks) for n in range(MANY))
    assert found[0] == ("TA-WRITE-1", IN_TURN + ALWAYS - 1)
    assert {rule for rule, _ in found} == {"TA-WRITE-1"}


def test_jobs_made_side_by_side_come_in_any_order() -> None:
    rng = random.Random(7)
    for _ in range(20):
        orders = [rng.sample(["n1", "n2"], 2) for _ in range(MANY)]
        assert blamed(batch(n, nodes, "n1") for n, nodes in enumerate(orders)) == []


def test_the_node_of_none_of_the_jobs_is_seen_once_it_is_a_habit() -> None:
    found = blamed(batch(n, ["n1", "n2"], "n9") for n in range(IN_TURN + OFTEN))
    assert found == [("TA-WRITE-1", IN_TURN + OFTEN - 1)]


def test_two_writes_of_the_node_of_none_of_the_jobs_are_no_habit_yet() -> None:
    assert blamed(batch(n, ["n1", "n2"], "n9" if n in (20, 40) else "n1") for n in range(MANY)) == []


def test_the_job_that_is_blamed_is_the_cause() -> None:
    lines = [line for n in range(IN_TURN + OFTEN) for line in batch(n, ["n1"], "n9")]
    first_job_of_the_last_batch = len(lines) - len(batch(0, ["n1"], "n9")) + len(read("s")) + 1
    assert [cause for _, _, cause in broken(*lines)] == [first_job_of_the_last_batch]


def test_closing_finalizes_in_between_keep_no_connection_from_being_known() -> None:
    def closed(n: int) -> list[str]:
        return [*batch(n, ["n1", "n2"], "n9"), *read(f"s{n}"), *select('""', turn_id(7000 + n), None)]

    assert blamed(map(closed, range(IN_TURN + OFTEN))) == [("TA-WRITE-1", IN_TURN + OFTEN - 1)]


def test_a_batch_that_is_written_twice_counts_once() -> None:
    twice = [[*batch(n, ["n1", "n2"], "n1"), *write(f"s{n}", turn_id(n), "n1")] for n in range(IN_TURN - 1)]
    wrong = [batch(n, ["n1", "n2"], "n9") for n in range(IN_TURN, IN_TURN + 1 + OFTEN)]
    assert blamed([*twice, *wrong]) == [("TA-WRITE-1", IN_TURN + OFTEN - 1)]


def test_a_job_asked_again_keeps_the_node_that_was_seen() -> None:
    def asked_again(n: int) -> list[str]:
        jobs = [*select(f"j{n}", turn_id(n), "n1"), *select(f"j{n}", turn_id(n), None)]
        return [*read(f"s{n}"), *jobs, *write(f"s{n}", turn_id(n), "n9")]

    assert blamed(map(asked_again, range(IN_TURN + OFTEN))) == [("TA-WRITE-1", IN_TURN + OFTEN - 1)]


def test_a_node_that_two_jobs_got_does_not_tell_whose_was_recorded() -> None:
    alike = [(["n1", "n2", "n1"], "n1"), (["n1", "n2"], "n2")]
    assert blamed(batch(n, *alike[n % 2]) for n in range(IN_TURN + 2 * ALWAYS))[0][0] == "TA-WRITE-1"
    assert blamed(batch(n, ["n2", "n1", "n1"], "n1") for n in range(MANY)) == []


def test_the_last_jobs_node_is_seen_in_batches_of_any_size() -> None:
    sizes = [["n1", "n2"], ["n3", "n1", "n2"], ["n4", "n3", "n1", "n2"]]
    found = blamed(batch(n, sizes[n % 3], "n2") for n in range(MANY))
    assert found[0] == ("TA-WRITE-1", IN_TURN + ALWAYS - 1)


def test_now_one_now_another_later_job_is_what_jobs_made_side_by_side_look_like() -> None:
    assert blamed(batch(n, ["n1", "n2", "n3"], f"n{2 + n % 2}") for n in range(MANY)) == []


def test_a_connection_that_gave_way_to_others_has_to_be_known_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batches, "CONNECTIONS", 1)
    known = [batch(n, ["n1"], "n1") for n in range(IN_TURN)]
    wrong = [batch(n, ["n1"], "n9") for n in range(IN_TURN, IN_TURN + OFTEN)]
    assert blamed([*known, *wrong]) == [("TA-WRITE-1", IN_TURN + OFTEN - 1)]
    assert blamed([*known, select("k", turn_id(999), None, who="O"), *wrong]) == []


def test_a_batch_too_large_to_be_kept_is_held_against_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batches, "JOBS", 2)
    assert blamed(batch(n, ["n2", "n3", "n1"], "n1") for n in range(MANY)) == []


def test_a_job_whose_node_cannot_be_seen_may_be_the_first() -> None:
    assert blamed(batch(n, [None, "n2"], "n1") for n in range(MANY)) == []


@pytest.mark.parametrize("asks", [True, False])
@pytest.mark.parametrize("under", [turn_id(999), '""'])
def test_jobs_selected_under_another_id_or_none_are_seen(under: str, asks: bool) -> None:
    right = [batch(n, ["n1"], "n1", asks=asks) for n in range(IN_TURN)]
    wrong = [batch(n, ["n1"], "n1", asks=asks, under=under) for n in range(IN_TURN, IN_TURN + OFTEN)]
    assert blamed([*right, *wrong]) == [("TA-TURN-1", IN_TURN + OFTEN - 1)]


def test_an_id_for_each_job_is_seen() -> None:
    def torn(n: int) -> list[str]:
        first, session = turn_id(1000 + n), f"s{n}"
        jobs = [*select(f"j{n}.0", first, "n1"), *select(f"j{n}.1", turn_id(n), "n1")]
        return [*read(session), *jobs, *write(session, turn_id(n), "n1")]

    assert blamed(torn(n) for n in range(IN_TURN + OFTEN)) == [("TA-TURN-1", IN_TURN + OFTEN - 1)]


def test_a_script_may_be_given_the_turn_before_the_job() -> None:
    def swapped(n: int) -> list[str]:
        turn = turn_id(n)
        return [line.replace(f"j{n}.0 {turn}", f"{turn} j{n}.0") for line in batch(n, ["n1"], "n1")]

    assert blamed(swapped(n) for n in range(MANY)) == []


@pytest.mark.parametrize("asks", [True, False])
def test_two_finalizes_at_once_on_one_connection_are_told_from_one(asks: bool) -> None:
    def woven(n: int) -> list[str]:
        one, two = (batch(number, ["n1", "n2"], "n1", asks=asks) for number in (2 * n, 2 * n + 1))
        return [*one[:5], *two[:5], *one[5:], *two[5:]] if asks else [*one[:4], *two[:4], *one[4:], *two[4:]]

    alone = [batch(1000 + n, ["n1"], "n1", asks=asks) for n in range(MANY)]
    assert blamed([*alone, *map(woven, range(MANY))]) == []


def test_a_finalize_that_got_no_node_is_not_taken_for_the_first_half_of_the_next() -> None:
    def none_then_one(n: int) -> list[str]:
        return [*read("closing"), *select(f"k{n}", turn_id(5000 + n), None), *batch(n, ["n1"], "n1", asks=False)]

    assert blamed(none_then_one(n) for n in range(MANY)) == []


def test_a_job_selected_again_has_the_node_of_its_latest_binding() -> None:
    def again(n: int) -> list[str]:
        jobs = [*select(f"j{n}", turn_id(n), "n1"), *select(f"j{n}", turn_id(n), "n2")]
        return [*read(f"s{n}"), *jobs, *write(f"s{n}", turn_id(n), "n2")]

    assert blamed(again(n) for n in range(MANY)) == []


def test_after_the_first_jobs_write_the_other_jobs_go_on_under_its_turn() -> None:
    def early(n: int, asks: bool) -> list[str]:
        rest = select(f"j{n}.1", turn_id(n), "n2")
        return [*batch(n, ["n1"], "n1", asks=asks), *rest]

    for asks in (True, False):
        assert blamed(early(n, asks) for n in range(MANY)) == []


def test_clients_of_one_unix_socket_are_not_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(CLIENTS, "A", "unix:/run/redis.sock")
    assert blamed(batch(n, ["n1", "n2"], "n9") for n in range(MANY)) == []


def test_after_a_gap_a_connection_has_to_be_known_anew() -> None:
    parts = [[*([GAP] if n % IN_TURN == 0 else []), *batch(n, ["n1", "n2"], "n9")] for n in range(MANY)]
    assert blamed(parts) == []


def test_a_selection_under_what_is_no_turn_id_is_seen() -> None:
    lines = [*batch(1, ["n1"], "n1"), *select("j", "s1", "n1")]
    assert [rule for rule, *_ in broken(*lines)] == ["TA-TURN-1"]
    look = ["O HGET scheduler:turn:s1 affinity_node_id"]
    assert broken(*batch(1, ["n1"], "n1"), *look) == []
    plain = ["A HGET scheduler:turn:s1 affinity_node_id"]
    assert [rule for rule, *_ in broken(*batch(1, ["n1"], "n1"), *plain)] == ["TA-TURN-1"]
