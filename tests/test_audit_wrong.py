"""Does the audit find what is wrong, at the right line, and blame the rule that owns it?"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import pytest
from audit_traffic import (
    AFFINITY,
    POINTER,
    SELECT_SHA,
    SESSION,
    TURN,
    Atom,
    SessionFlow,
    Style,
    clean_atoms,
    interleave,
    noise,
    script,
    text_of,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from test_audit_clean import audited

from turnaffinity.contract.decisions import PRESETS

CLIENT = "10.0.0.1:1001"
OLD = "0" * 8 + "-1234-4abc-8abc-" + "0" * 12
Wrong = Callable[[str], Atom]


def failures(report: dict[str, Any]) -> dict[str, list[tuple[int, int]]]:
    return {
        rule["id"]: [(f["line"], f["cause_line"]) for f in rule["failures"]]
        for rule in report["rules"]
        if rule["status"] == "fail"
    }


def selection(*inner: tuple[str, ...]) -> Atom:
    asked = ("SCARD", "lingua:v1:pool:zh:en:0:nodes")
    return script(CLIENT, ("EVALSHA", SELECT_SHA, "0", "zh:en", "", OLD), [*inner, asked])


SPLICED: dict[str, tuple[str, Wrong, set[str]]] = {
    # name: (rule that owns it, the atom, neighbours)
    "expire-turn": ("TA-NEVER-1", lambda t: [(CLIENT, ("EXPIRE", TURN + t, "300"))], {"TA-WRITE-2"}),
    "persist-turn": ("TA-NEVER-1", lambda t: [(CLIENT, ("PERSIST", TURN + t))], set()),
    "hexpire-turn": (
        "TA-NEVER-1",
        lambda t: [(CLIENT, ("HEXPIRE", TURN + t, "9", "FIELDS", "1", AFFINITY))],
        {"TA-WRITE-2"},
    ),
    "expire-session": ("TA-WRITE-2", lambda t: [(CLIENT, ("EXPIRE", SESSION + "s", "300"))], set()),
    "legacy-read": ("TA-KEY-3", lambda t: [(CLIENT, ("HGET", SESSION + "s", "timeout_node_id"))], set()),
    "legacy-write": ("TA-KEY-3", lambda t: [(CLIENT, ("HSET", "else:s", "max_duration_node_id", "n"))], set()),
    "affinity-in-session": ("TA-KEY-1", lambda t: [(CLIENT, ("HSET", SESSION + "s", AFFINITY, "n1"))], set()),
    "affinity-read-elsewhere": ("TA-KEY-1", lambda t: [(CLIENT, ("hget", "affinity:s", AFFINITY))], set()),
    "pointer-elsewhere": ("TA-KEY-2", lambda t: [(CLIENT, ("HGET", "open:s", POINTER))], set()),
    "scan": ("TA-CLEAR-8", lambda t: [(CLIENT, ("SCAN", "0", "MATCH", "scheduler:turn:*"))], set()),
    "session-deleted": ("TA-CLEAR-5", lambda t: [(CLIENT, ("DEL", SESSION + "s-other"))], set()),
    "others-fields": ("TA-CLEAR-5", lambda t: [(CLIENT, ("HDEL", SESSION + "s-other", POINTER, "user"))], set()),
    "odd-id": (
        "TA-TURN-1",
        lambda t: script(
            CLIENT, ("EVAL", "x", "0"), [("HSET", TURN + "t1", AFFINITY, "n"), ("HSET", SESSION + "odd", POINTER, "t1")]
        ),
        set(),
    ),
    "rename-turn": ("TA-NEVER-2", lambda t: [(CLIENT, ("RENAME", TURN + OLD, TURN + OLD[:-1] + "1"))], set()),
    "select-reads-twice": (
        "TA-SEL-5",
        lambda t: selection(("HGET", TURN + OLD, AFFINITY), ("HGET", TURN + OLD, AFFINITY)),
        set(),
    ),
    "select-reads-session": ("TA-SEL-5", lambda t: selection(("HGET", SESSION + "s", POINTER)), set()),
    "select-scans": ("TA-SEL-5", lambda t: selection(("HGET", TURN + OLD, AFFINITY), ("SCAN", "0")), set()),
    "select-writes": (
        "TA-SEL-6",
        lambda t: selection(("HGET", TURN + OLD, AFFINITY), ("HSET", TURN + OLD, AFFINITY, "n")),
        set(),
    ),
    "select-expires-session": ("TA-SEL-6", lambda t: selection(("EXPIRE", SESSION + "s", "9")), set()),
    "two-sessions-cleared": (
        "TA-CLEAR-8",
        lambda t: script(
            CLIENT, ("EVAL", "x", "0"), [("HDEL", SESSION + "a", POINTER), ("HDEL", SESSION + "b", POINTER)]
        ),
        set(),
    ),
}


@settings(deadline=None, max_examples=120)
@given(st.sampled_from(sorted(SPLICED)), st.integers(0, 10**6), st.floats(0, 1))
def test_a_violation_spliced_in_anywhere_is_found_at_its_line(name: str, seed: int, place: float) -> None:
    rule, make, neighbours = SPLICED[name]
    atoms = clean_atoms(seed, Style(), utterances=3)
    at = int(place * len(atoms))
    # a connection counts once it is seen to be the scheduler's, be that later
    acts = script(CLIENT, ("EVAL", "x", "0"), [("HDEL", SESSION + "zz", POINTER)])
    spliced = [*atoms[:at], make(OLD), *atoms[at:], acts]
    first = sum(len(atom) for atom in atoms[:at]) + 1
    found = failures(audited(text_of(spliced)))
    lines = range(first, first + len(make(OLD)))
    assert any(line in lines for line, _ in found.get(rule, ())), found
    assert set(found) <= {rule} | neighbours


class Flow(SessionFlow):
    """A scheduler that does one thing wrong."""

    wrong = ""

    def clear(self) -> Any:
        session, turn = SESSION + self.name, self.turn
        read = ("HGET", session, POINTER)
        unturn, unpoint = ("HDEL", TURN + (turn or ""), AFFINITY), ("HDEL", session, POINTER)
        if turn is None:
            yield from super().clear()
            return
        call = ("EVALSHA", "c" * 40, "0", self.name)
        bodies: dict[str, list[tuple[str, ...]]] = {
            "pointer-only": [read, unpoint],
            "turn-only": [read, unturn],
            "session-deleted": [read, unturn, ("DEL", session)],
            "emptied": [read, ("HSET", TURN + turn, AFFINITY, ""), unpoint],
            "scans": [read, ("KEYS", "*"), unturn, unpoint],
        }
        if self.wrong in bodies:
            self.turn = None if self.wrong != "turn-only" else turn
            yield script(self.client(), call, bodies[self.wrong])
        else:
            yield from super().clear()

    def write(self, turn: str, node: str) -> Any:
        affinity, pointer = ("HSET", TURN + turn, AFFINITY, node), ("HSET", SESSION + self.name, POINTER, turn)
        call = ("EVALSHA", "3" * 40, "0", self.name, turn, node)
        bodies: dict[str, list[tuple[str, ...]]] = {
            "pointer-alone": [pointer],
            "ttl": [affinity, ("EXPIRE", TURN + turn, "300"), pointer],
            "session-ttl": [affinity, pointer, ("EXPIRE", SESSION + self.name, "300")],
            "own-field": [affinity, ("HSET", TURN + turn, "node_name", "x"), pointer],
            "second-copy": [affinity, pointer, ("SET", f"open-turn:{self.name}", turn)],
        }
        if self.wrong in bodies:
            yield script(self.client(), call, bodies[self.wrong])
        else:
            yield from super().write(turn, node)

    def uuid(self) -> str:
        return f"turn-{self.rng.randrange(10**9)}" if self.wrong == "no-uuid" else super().uuid()


class ReusesId(Flow):
    """Keeps the closed turn's id for the next utterance."""

    def uuid(self) -> str:
        self.kept = getattr(self, "kept", None) or super().uuid()
        return self.kept


class ReadsCopy(Flow):
    """Clears by a record of its own."""

    def clear(self) -> Any:
        client, turn = self.client(), self.turn
        yield [(client, ("GET", f"open-turn:{self.name}"))]
        if turn:
            self.turn = None
            yield [(client, ("HDEL", TURN + turn, AFFINITY))]
            yield [(client, ("HDEL", SESSION + self.name, POINTER))]


WRONG_FLOWS: dict[str, tuple[type[Flow], str, set[str]]] = {
    "pointer-only": (Flow, "TA-CLEAR-1", {"TA-CLEAR-6"}),
    "turn-only": (Flow, "TA-CLEAR-1", set()),
    "session-deleted": (Flow, "TA-CLEAR-5", set()),
    "emptied": (Flow, "TA-CLEAR-6", set()),
    "scans": (Flow, "TA-CLEAR-8", set()),
    "pointer-alone": (Flow, "TA-WRITE-1", set()),
    "ttl": (Flow, "TA-NEVER-1", {"TA-WRITE-2"}),
    "session-ttl": (Flow, "TA-WRITE-2", set()),
    "own-field": (Flow, "TA-CLEAR-6", set()),
    "no-uuid": (Flow, "TA-TURN-1", set()),
    "reuses-id": (ReusesId, "TA-TURN-3", {"TA-NEVER-2"}),
    "second-copy": (ReadsCopy, "TA-KEY-2", set()),
}


def wrong_trace(name: str, seed: int, style: Style) -> bytes:
    rng = random.Random(seed)
    kind = WRONG_FLOWS[name][0]
    flows = [kind("s1", style, rng), SessionFlow("s2", style, rng)]
    flows[0].wrong = name  # type: ignore[attr-defined]

    def life(flow: SessionFlow) -> Any:
        for _ in range(3):
            yield from flow.utterance(2, 1)

    streams = [*(life(flow) for flow in flows), (noise(rng, ["s1", "s2"]) for _ in range(12))]
    return text_of(list(interleave(rng, streams)))  # type: ignore[arg-type]


@pytest.mark.parametrize("mint", [False, True])
@pytest.mark.parametrize("name", sorted(WRONG_FLOWS))
def test_a_wrong_scheduler_is_caught_by_the_rule_that_owns_its_mistake(name: str, mint: bool) -> None:
    _, rule, neighbours = WRONG_FLOWS[name]
    style = Style(mint=mint)
    trace = wrong_trace(name, 5, style)
    found = failures(audited(trace, PRESETS["literal" if mint else "intent"]))
    assert rule in found
    assert set(found) <= {rule} | neighbours
    lines = trace.splitlines()
    for line, cause in found[rule]:
        # a line of the wrong session's, or of its turn's, is shown
        assert (
            b"s1" in lines[line - 1]
            or b"s1" in lines[cause - 1]
            or any(word in lines[line - 1] for word in (TURN.encode(), b"KEYS"))
        )


def test_an_operators_deeds_are_warnings_at_most() -> None:
    atoms = clean_atoms(2, Style(), noisy=False)
    operator = "10.0.0.9:9"
    deeds: Atom = [
        (operator, ("EXPIRE", SESSION + "s0", "60")),
        (operator, ("DEL", SESSION + "s-gone")),
        (operator, ("HGET", SESSION + "s0", "timeout_node_id")),
        (operator, ("KEYS", "*")),
        (operator, ("EXPIRE", TURN + "x", "60")),
    ]
    report = audited(text_of([*atoms[:9], deeds, *atoms[9:]]))
    assert report["verdict"] == "conforms"
    assert {rule["id"] for rule in report["rules"] if rule["status"] == "warn"} >= {"TA-WRITE-2", "TA-NEVER-1"}


def test_over_a_unix_socket_what_cannot_be_told_apart_is_unobservable() -> None:
    style = Style(clients=("unix:/run/redis.sock",))
    atoms = clean_atoms(2, style, noisy=False)
    deeds: Atom = [("unix:/run/redis.sock", ("EXPIRE", SESSION + "s0", "60"))]
    report = audited(text_of([*atoms[:9], deeds, *atoms[9:]]))
    rule = next(rule for rule in report["rules"] if rule["id"] == "TA-WRITE-2")
    assert (report["verdict"], rule["status"]) == ("conforms", "unobservable")
    assert "unix socket" in rule["reasons"][0]


def test_an_affinity_whose_pointer_is_never_written_is_unobservable() -> None:
    lines = text_of([[(CLIENT, ("HSET", TURN + OLD, AFFINITY, "n1"))], [(CLIENT, ("HGET", TURN + OLD, AFFINITY))]])
    report = audited(lines)
    assert (failures(report), report["verdict"]) == ({}, "incomplete")


def test_superseded_turns_are_neither_open_nor_closed() -> None:
    other = OLD[:-1] + "1"
    atoms: list[Atom] = [
        [(CLIENT, ("HSET", TURN + OLD, AFFINITY, "n1")), (CLIENT, ("HSET", SESSION + "s", POINTER, OLD))],
        [(CLIENT, ("HSET", TURN + other, AFFINITY, "n1")), (CLIENT, ("HSET", SESSION + "s", POINTER, other))],
        [(CLIENT, ("DEL", TURN + OLD))],
        [(CLIENT, ("HGET", SESSION + "s", POINTER))],
        [(CLIENT, ("HDEL", TURN + other, AFFINITY)), (CLIENT, ("HDEL", SESSION + "s", POINTER))],
        [(CLIENT, ("HGET", SESSION + "s", POINTER))],
    ]
    report = audited(text_of(atoms), PRESETS["literal"])
    assert report["verdict"] == "conforms"
    assert report["statistics"]["turns_superseded"] == 1
