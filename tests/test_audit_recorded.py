"""Does a recording under load audit to the truth? The Rust example with noise beside it, and mutants in its place."""

from __future__ import annotations

import random
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from urllib.parse import urlparse

import pytest
from test_audit_wrong import failures
from test_record_and_audit_live import recorded

from turnaffinity.audit.run import audit_files
from turnaffinity.contract.decisions import PRESETS, Reading
from turnaffinity.contract.layout import KeyLayout
from turnaffinity.mutation.flow import FlowSubject
from turnaffinity.mutation.mutants import load_mutants
from turnaffinity.server import Server, open_server
from turnaffinity.specification.actor_finalize import Finalized
from turnaffinity.subjects.adapter import AdapterSubject
from turnaffinity.subjects.reference import ReferenceSubject
from turnaffinity.subjects.subject import Broke, Subject

LAYOUT = KeyLayout()
EXAMPLES = Path(__file__).resolve().parent.parent / "conformance" / "implementations"
UTTERANCE = ("max_duration", "max_duration", "manual", "max_duration", "timeout", "timeout")


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    if shutil.which("redis-server") is None:
        pytest.skip("needs redis-server on the PATH")
    with open_server("redis", tcp=True) as opened:
        yield opened


@pytest.fixture(autouse=True)
def nodes(server: Server) -> None:
    client = server.client()
    client.flushall()
    for node in ("n1", "n2", "n3"):
        client.hset(LAYOUT.node_key(node), "status", "online")
        client.hset(LAYOUT.node_pools_key(node), mapping={"zh:en": "0", "zh:ja": "0"})
        for pair in ("zh:en", "zh:ja"):
            client.sadd(LAYOUT.pool_key(pair, 0), node)


@contextmanager
def noise(server: Server, requests: int = 4000) -> Iterator[None]:
    """`redis-benchmark` at work on the same server for as long as the block, at least one round of it."""
    program = shutil.which("redis-benchmark")
    if program is None:
        pytest.skip("needs redis-benchmark on the PATH")
    port = str(urlparse(server.url).port)
    words = [program, "-p", port, "-q", "-c", "8", "-d", "60", "-n", str(requests), "-t", "set,get,lpush,hset,mset"]
    with subprocess.Popen(words, stdout=subprocess.DEVNULL) as running:
        yield
        assert running.wait(60) == 0


def speak(subject: Subject, sessions: list[str], rounds: int, seed: int = 0) -> set[str]:
    """Many sessions of one scheduler, interleaved at random; returns the turns that their jobs ran under."""
    rng = random.Random(seed)
    ahead = {session: list(UTTERANCE) * rounds for session in sessions}
    turns = set()
    while ahead:
        session = rng.choice(list(ahead))
        rooms = (None, [], ["en", "ja"])[sum(session.encode()) % 3]
        answer = subject.finalize(session, ahead[session].pop(0), "zh", "en", rooms)
        assert not isinstance(answer, Broke), answer
        if isinstance(answer, Finalized):
            turns.add(answer.turn_id)
        if not ahead[session]:
            del ahead[session]
    return turns


@pytest.mark.parametrize(
    "name", ["intent", *(pytest.param(other, marks=pytest.mark.long) for other in ("literal", "continuous"))]
)
def test_the_rust_example_recorded_under_load_conforms(server: Server, tmp_path: Path, name: str) -> None:
    if not (EXAMPLES / "rust/target/release/adapter").exists():
        pytest.skip("needs the Rust example: make examples")
    if shutil.which("cargo") is None and not (EXAMPLES / "rust/target/release/adapter").exists():
        pytest.skip("needs cargo, or the Rust example built")
    reading = PRESETS[name]

    def act() -> None:
        with ThreadPoolExecutor(3) as pool:
            adapters = [AdapterSubject([str(EXAMPLES / "rust" / "run")], server.url, reading) for _ in range(3)]
            try:
                assert {adapter.hello.language for adapter in adapters} == {"rust"}
                with noise(server):
                    jobs = [
                        pool.submit(speak, adapter, [f"s{number}-{at}" for at in range(8)], 2, number)
                        for number, adapter in enumerate(adapters)
                    ]
                    assert all(len(job.result()) > 16 for job in jobs)
            finally:
                for adapter in adapters:
                    adapter.close()

    path = recorded(server, tmp_path / "trace.log", act)
    report = audit_files([str(path)], reading=reading)
    assert failures(report.as_dict()) == {}
    assert report.verdict == "conforms"
    assert [rule["id"] for rule in report.rules if rule["status"] == "warn"] == []
    assert report.lines > 20_000
    assert report.whole_turns == 3 * 8 * 2 * 2


RECORDED: dict[str, str] = {
    # mutant: what stands in the line that caused its failure
    "pointer-cleared-affinity-kept": r'"HDEL" "scheduler:session:wrong\d" "current_turn_id"',
    "affinity-cleared-pointer-kept": r'"HDEL" "scheduler:turn:TURN" "affinity_node_id"',
    "deletes-the-session-hash": r'"DEL" "scheduler:session:wrong\d"',
    "clears-a-neighbours-field-too": r'"HDEL" "scheduler:session:wrong\d" "current_turn_id" "',
    "affinity-emptied-not-deleted": r'"HSET" "scheduler:turn:TURN" "affinity_node_id" ""',
    "turn-hash-with-a-second-field": r'"HDEL" "scheduler:session:wrong\d" "current_turn_id"',
    "affinity-lives-five-minutes": r'"EXPIRE" "scheduler:turn:TURN" "300"',
    "session-hash-lives-an-hour": r'"EXPIRE" "scheduler:session:wrong\d" "3600"',
    "only-the-pointer-is-written": r'"HSET" "scheduler:session:wrong\d" "current_turn_id" "TURN"',
    "next-segment-continues-the-closed-turn": r'"HDEL" "scheduler:session:wrong\d" "current_turn_id"',
    "room-asked-in-a-finalize": r'"scheduler:room:',
    "selection-touches-the-turn-in-a-finalize": r'"scheduler:turn:TURN"',
    "clears-sessions-that-begin-alike": r'"(?:KEYS|SCAN)"',
    "the-turn-is-made-to-persist": r'"PERSIST" "scheduler:turn:TURN"',
}


def mixture(server: Server, wrong: Subject, turns: set[str]) -> None:
    """A wrong scheduler and a right one beside it, each with sessions of its own, and noise."""
    right = ReferenceSubject(server.client(), PRESETS["intent"], LAYOUT)
    with noise(server, 500), ThreadPoolExecutor(2) as pool:
        beside = pool.submit(speak, right, [f"right{number}" for number in range(3)], 1)
        turns |= pool.submit(speak, wrong, [f"wrong{number}" for number in range(3)], 1).result()
        beside.result()


EVERY_DAY = ("affinity-lives-five-minutes", "clears-sessions-that-begin-alike", "pointer-cleared-affinity-kept")
"""Recorded every day; the others in CI."""


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=() if name in EVERY_DAY else pytest.mark.long) for name in sorted(RECORDED)]
)
def test_a_mutant_recorded_under_load_is_caught_at_its_line(server: Server, tmp_path: Path, name: str) -> None:
    mutant = next(mutant for mutant in load_mutants() if mutant.id == name)
    reading: Reading = PRESETS["intent"]
    wrong = FlowSubject(server.client(), reading, LAYOUT, mutant.sources())
    turns: set[str] = set()
    path = recorded(server, tmp_path / "trace.log", partial(mixture, server, wrong, turns))
    report = audit_files([str(path)], reading=reading)
    assert report.verdict == "violates"
    found = failures(report.as_dict())
    assert mutant.rule in found
    assert set(found) <= {mutant.rule, *mutant.breaks}
    lines = path.read_text("utf-8", "surrogateescape").split("\n")
    of_a_turn = "(?:" + "|".join(map(re.escape, turns)) + ")"
    caused = re.compile(RECORDED[name].replace("TURN", of_a_turn))
    for line, cause in found[mutant.rule]:
        assert caused.search(lines[cause - 1]), lines[cause - 1]
        assert cause <= line <= len(lines)


def test_the_same_mixture_without_a_mistake_conforms(server: Server, tmp_path: Path) -> None:
    wrong = FlowSubject(server.client(), PRESETS["intent"], LAYOUT, {})
    act: Callable[[], None] = partial(mixture, server, wrong, set())
    report = audit_files([str(recorded(server, tmp_path / "trace.log", act))], reading=PRESETS["intent"])
    assert (failures(report.as_dict()), report.verdict) == ({}, "conforms")
