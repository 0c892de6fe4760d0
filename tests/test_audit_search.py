"""Is each line that concerns us found, whichever way the texts are looked for, and whenever one is added?"""

from __future__ import annotations

import secrets
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from turnaffinity.audit.lines import one_by_one, search_for
from turnaffinity.audit.trace import MOST_TEXTS, Lines, Sieve
from turnaffinity.bench.throughput import write_trace
from turnaffinity.contract.layout import KeyLayout

TEXTS = [b"scheduler:", b"current_turn_id", b"affinity_node_id", b"scheduler:turn:", b'"EXEC"', b"aab", b"abab"]
PIECES = st.sampled_from([*TEXTS, b"\n", b"a", b"b", b"ab", b"sched", b'"', b"current_", b"_node_id", b"\xff"])


def lines_met(search_hits: list[tuple[int, int, int]], data: bytes) -> set[int]:
    return {data.count(b"\n", 0, at) for _, at, _ in search_hits}


@given(pieces=st.lists(PIECES, max_size=60))
def test_the_one_pass_meets_the_lines_that_a_pass_for_each_text_meets(pieces: list[bytes]) -> None:
    pytest.importorskip("ahocorasick_rs", reason="without it there is only the pass for each text")
    data = b"".join(pieces)
    holding = {number for number, line in enumerate(data.split(b"\n")) if any(text in line for text in TEXTS)}
    assert lines_met(search_for(TEXTS)(data), data) == holding
    assert lines_met(one_by_one(TEXTS)(data), data) == holding
    for search in (search_for(TEXTS), one_by_one(TEXTS)):
        starts = [start for _, start, _ in search(data)]
        assert starts == sorted(starts)


def line(at: int, client: str, *argv: str) -> str:
    return f"1700000000.{at:06d} [0 {client}] " + " ".join(f'"{part}"' for part in argv) + "\n"


def test_the_same_units_are_found_without_the_library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("ahocorasick_rs", reason="without it there is only the pass for each text")
    trace = tmp_path / "some.trace"
    write_trace(trace, 3000, share_of_ours=0.4)
    with_library = sifted(Sieve(KeyLayout()), trace.read_text("ascii"))
    monkeypatch.setattr("turnaffinity.audit.trace.search_for", one_by_one)
    assert sifted(Sieve(KeyLayout()), trace.read_text("ascii")) == with_library
    assert len(with_library) > 300


def sifted(sieve: Sieve, text: str) -> list[Lines]:
    return list(sieve.feed(text.encode(), last=True))


def test_a_text_that_is_watched_from_a_line_on_is_found_in_the_rest_of_the_same_chunk() -> None:
    sieve = Sieve(KeyLayout())
    trace = (
        line(1, "10.0.0.1:1", "GET", "their:copy")
        + line(2, "10.0.0.1:1", "HGET", "scheduler:session:s", "current_turn_id")
        + line(3, "10.0.0.1:1", "GET", "their:copy")
        + line(4, "10.0.0.1:1", "GET", "their:other")
        + line(5, "10.0.0.1:1", "GET", "their:copy")
    )
    numbers = []
    for lines in sieve.feed(trace.encode(), last=True):
        numbers.append(lines.number)
        sieve.watch("their:copy")
    assert numbers == [2, 3, 5]
    assert (sieve.lines, sieve.matched) == (5, 3)


@pytest.mark.parametrize("word", ["EXEC", "exec", "Exec", "eXEc"])
def test_what_stands_between_multi_and_exec_is_one_unit_however_exec_is_written(word: str) -> None:
    session, client = "scheduler:session:s", "10.0.0.1:1"
    found = sifted(
        Sieve(KeyLayout()),
        line(1, client, "MULTI")
        + line(2, client, "HDEL", session, "current_turn_id")
        + line(3, client, "HDEL", "scheduler:turn:t", "affinity_node_id")
        + line(4, client, word)
        + line(5, client, "HGET", session, "current_turn_id"),
    )
    assert [(lines.kind, lines.number, len(lines.texts)) for lines in found] == [("multi", 1, 4), ("single", 5, 1)]


def test_more_texts_than_the_search_takes_are_not_looked_for_and_nothing_else_is_lost() -> None:
    sieve = Sieve(KeyLayout())
    names = [secrets.token_hex(20) for _ in range(2 * MOST_TEXTS)]
    for name in names:
        sieve.watch(name)
    found = sifted(
        sieve, "".join(line(at, "10.0.0.1:1", "GET", name) for at, name in enumerate([*names, "scheduler:"]))
    )
    watched = len(found) - 1
    assert 20 < watched < MOST_TEXTS
    assert [lines.number for lines in found] == [*range(1, watched + 1), len(names) + 1]
