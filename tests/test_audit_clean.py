"""Does the audit leave right schedulers alone? Every style, every reading, noise, and cuts anywhere."""

from __future__ import annotations

import random
from typing import Any

import pytest
from audit_traffic import CLEARS, SELECTS, WRITES, Style, clean_atoms, style_of, text_of
from hypothesis import example, given, settings
from hypothesis import strategies as st

from turnaffinity.audit.run import Auditor
from turnaffinity.contract.decisions import PRESETS, Reading


def audited(trace: bytes, reading: Reading | None = PRESETS["intent"], pieces: int = 1) -> dict[str, Any]:
    auditor = Auditor(reading=reading)
    size = max(1, len(trace) // pieces + 1)
    for start in range(0, len(trace), size):
        auditor.feed(trace[start : start + size])
    auditor.feed(b"", last=True)
    return auditor.report(["trace"]).as_dict()


def broken(report: dict[str, Any]) -> list[str]:
    return [
        f"{rule['id']} {failure['line']} {failure['observed']}"
        for rule in report["rules"]
        for failure in rule["failures"]
    ]


@pytest.mark.parametrize("clear", CLEARS)
@pytest.mark.parametrize("write", WRITES)
@pytest.mark.parametrize("select", SELECTS)
def test_a_right_scheduler_conforms_however_it_is_written(write: str, clear: str, select: str) -> None:
    style = Style(write=write, clear=clear, select=select)
    report = audited(text_of(clean_atoms(7, style)))
    assert broken(report) == []
    assert report["verdict"] == "conforms"
    assert report["whole_turns"] > 0


@pytest.mark.parametrize("mint", [True, False])
@pytest.mark.parametrize("after", [True, False])
@pytest.mark.parametrize("once", [True, False])
def test_every_reading_conforms(mint: bool, after: bool, once: bool) -> None:
    style = Style(mint=mint, clear_after=after, write_once=once)
    report = audited(text_of(clean_atoms(11, style)), None)
    assert (broken(report), report["verdict"]) == ([], "conforms")


@settings(deadline=None, max_examples=300)
@given(st.integers(0, 10**6), st.floats(0, 1), st.floats(0, 1), st.booleans())
@example(218, 0.1875, 1.0, False)  # begins within a script, and a write's second half is its first
@example(452257, 0.0, 1.0, False)  # MULTI is sent ahead, and others work meanwhile
def test_no_clean_trace_cut_anywhere_turns_red(seed: int, one: float, other: float, unix: bool) -> None:
    style = style_of(random.Random(seed))
    trace = text_of(clean_atoms(seed, style))
    start, end = sorted((int(one * len(trace)), int(other * len(trace))))
    reading = random.Random(seed).choice([None, *PRESETS.values()])
    assert broken(audited(trace[start:end], reading, pieces=3)) == []


@settings(deadline=None, max_examples=100)
@given(st.integers(0, 10**6), st.integers(0, 10**6))
@example(51084, 116)  # another client of the same unix socket clears between this one's MULTI and EXEC
def test_no_clean_trace_with_lines_missing_at_a_marked_gap_turns_red(seed: int, place: int) -> None:
    atoms = clean_atoms(seed, style_of(random.Random(seed)))
    rng = random.Random(place)
    first = rng.randrange(len(atoms))
    missing = rng.randrange(len(atoms) - first)
    trace = text_of(atoms[:first]) + b"# turnaffinity:gap 1.0 s\n" + text_of(atoms[first + missing :])
    assert broken(audited(trace)) == []


def test_a_trace_without_a_whole_turn_is_incomplete() -> None:
    assert audited(b"OK\n")["verdict"] == "incomplete"
    assert audited(text_of(clean_atoms(1, Style()))[:400])["verdict"] == "incomplete"


def test_the_same_names_in_another_database_are_other_keys() -> None:
    atoms = clean_atoms(3, Style(), noisy=False)
    both = b"".join(
        one + b"\n" + other + b"\n"
        for one, other in zip(text_of(atoms).splitlines(), text_of(atoms, db=5).splitlines(), strict=True)
        if b"lua" not in one and b"EVALSHA" not in one
    )
    plain = clean_atoms(3, Style("plain", "plain", "plain"), noisy=False)
    both = b"".join(
        one + b"\n" + other + b"\n"
        for one, other in zip(text_of(plain).splitlines(), text_of(plain, db=5).splitlines(), strict=True)
    )
    report = audited(both)
    assert (broken(report), report["verdict"]) == ([], "conforms")


def test_crlf_plus_and_foreign_lines_change_nothing() -> None:
    trace = text_of(clean_atoms(5, Style()))
    odd = b"OK\r\nhello\r\n" + b"".join(b"+" + line + b"\r\n" for line in trace.splitlines())
    expected, seen = audited(trace), audited(odd)
    assert seen["verdict"] == "conforms"
    assert seen["whole_turns"] == expected["whole_turns"]


def test_pieces_of_any_size_give_the_same_report() -> None:
    trace = text_of(clean_atoms(5, style_of(random.Random(4)), sessions=20, utterances=8))
    whole, cut = audited(trace), audited(trace, pieces=57)
    assert whole["rules"] == cut["rules"]
    assert whole["lines"] == cut["lines"] == trace.count(b"\n")
