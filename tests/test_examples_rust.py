"""Can a Rust team copy one folder and have its tests? `cargo test` passes, and fails where the flow is broken."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from turnaffinity.server import Server, open_server

ROOT = Path(__file__).parent.parent
EXAMPLE = ROOT / "conformance" / "implementations" / "rust"
NOTES_OWN_TESTS = (
    "test_select_node_lua_turn_affinity_contract",
    "test_should_bind_job_to_node_manual_no_bind",
    "test_should_bind_job_to_node_max_duration_bind",
    "test_should_bind_job_to_node_timeout_no_bind",
)


@pytest.fixture(autouse=True, scope="module")
def cargo() -> None:
    """Cargo, or a skip that says why; rustup's is on the PATH also where it has no toolchain."""
    if shutil.which("cargo") is None:
        pytest.skip("cargo is not on the PATH")
    answered = subprocess.run(["cargo", "--version"], capture_output=True, text=True, check=False)
    if answered.returncode:
        pytest.skip(f"cargo does not run: {answered.stderr.strip()}")


def finalize(reason: str, session: str = "s1", room: list[str] | None = None) -> dict[str, Any]:
    return {
        "op": "finalize",
        "session_id": session,
        "reason": reason,
        "src_lang": "zh",
        "tgt_lang": "en",
        "room_langs": room,
    }


GIVEN = [
    ["HSET", "lingua:v1:node:n1", "since", "1"],
    ["HSET", "lingua:v1:node:n1:pools", "zh:en", "0"],
    ["SADD", "lingua:v1:pool:zh:en:0:nodes", "n1", "gone"],
    ["HSET", "scheduler:session:s1", "theirs", "x"],
]
WHEN = [
    finalize("max_duration"),
    {"op": "redis", "command": ["HSET", "scheduler:turn:${T1}", "note", "by an operator"]},
    finalize("max_duration", room=["en", "ja"]),
    {"op": "select", "pair": "zh:en", "job_id": None, "turn_id": "${T1}"},
    {"op": "redis", "command": ["HDEL", "scheduler:turn:${T1}", "note"]},
    finalize("manual"),
    finalize("bored"),
]
JOB_EN = {"job_id": {"bind": "J1"}, "tgt_lang": "en", "node_id": {"one_of": ["n1", "n2"]}}
THEN = {
    "results": [
        {"turn_id": {"bind": "T1"}, "jobs": [JOB_EN]},
        None,
        {"turn_id": {"same_as": "T1"}, "jobs": [{"job_id": {"not": "J1"}}, {"tgt_lang": "ja", "node_id": None}]},
        {"node_id": "n1"},
        None,
        {"turn_id": {"not": "T1"}},
        {"error": "bad_request"},
    ],
    "keys": {"scheduler:session:s1": {"theirs": "x"}, "lingua:v1:job:${J1}:node": "n1"},
    "absent": ["scheduler:turn:${T1}"],
    "no_ttl": ["scheduler:session:s1"],
}


@pytest.fixture
def vectors(tmp_path: Path) -> Path:
    """One vector that uses every feature of the shape and one that forces draws."""
    folder = tmp_path / "vectors" / "TA-TURN-4"
    folder.mkdir(parents=True)
    vector = {
        "contract": "1.0", "id": "one", "rule": "TA-TURN-4", "reading": {"D1": "reuse", "D4": "repair"},
        "title": "a turn from its first segment to its close", "given": GIVEN, "when": WHEN, "then": THEN,
    }  # fmt: skip
    (folder / "one.json").write_text(json.dumps(vector), encoding="utf-8")
    (folder / "drawn.json").write_text(json.dumps(vector | {"id": "drawn", "draws": ["n1"]}), encoding="utf-8")
    return tmp_path / "vectors"


def cargo_test(example: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    target = environment.pop("CARGO_TARGET_DIR", str(EXAMPLE / "target"))
    surroundings = {name: value for name, value in os.environ.items() if name != "REDIS_URL"}
    return subprocess.run(
        ["cargo", "test", "--offline", *arguments],
        cwd=example,
        env=surroundings | {"CARGO_TARGET_DIR": target} | environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def vectors_said(done: subprocess.CompletedProcess[str]) -> str:
    return "\n".join(line for line in done.stdout.splitlines() if line.startswith("vectors:"))


@pytest.fixture(scope="module")
def server() -> Any:
    with open_server("embedded") as server:
        yield server


def test_the_notes_own_four_unit_tests_pass() -> None:
    done = cargo_test(EXAMPLE, "--lib")
    assert done.returncode == 0, done.stdout + done.stderr
    for name in NOTES_OWN_TESTS:
        assert f"::{name} ... ok" in done.stdout


def test_the_committed_vectors_pass(server: Server) -> None:
    server.clear()
    done = cargo_test(EXAMPLE, "--test", "vectors", REDIS_URL=server.url)
    assert done.returncode == 0, vectors_said(done) or done.stderr
    if not list((ROOT / "conformance" / "vectors").rglob("*.json")):
        pytest.skip(vectors_said(done))


def test_the_runner_knows_every_feature_of_a_vector_and_says_what_it_skips(server: Server, vectors: Path) -> None:
    server.clear()
    done = cargo_test(EXAMPLE, "--test", "vectors", REDIS_URL=server.url, TURNAFFINITY_VECTORS=str(vectors))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "vectors: TA-TURN-4: 1 skipped: it forces draws" in vectors_said(done)
    assert "vectors: 1 passed (one for each reading), 1 skipped, 0 failed" in vectors_said(done)
    assert server.client().dbsize() == 0


EXPECTATIONS = {
    "results": [{"turn_id": {"bind": "T1"}}, None, {"turn_id": {"not": "T1"}}, *THEN["results"][3:]],
    "keys": {"scheduler:session:s1": {}},
    "absent": ["scheduler:session:s1"],
}


@pytest.mark.parametrize("member", sorted(EXPECTATIONS))
def test_the_runner_fails_where_a_vector_expects_something_else(server: Server, vectors: Path, member: str) -> None:
    server.clear()
    file = vectors / "TA-TURN-4" / "one.json"
    wrong = json.loads(file.read_text(encoding="utf-8"))
    wrong["then"][member] = EXPECTATIONS[member]
    file.write_text(json.dumps(wrong), encoding="utf-8")
    done = cargo_test(EXAMPLE, "--test", "vectors", REDIS_URL=server.url, TURNAFFINITY_VECTORS=str(vectors))
    assert done.returncode != 0
    assert "1 failed" in vectors_said(done)


def test_a_vector_of_a_rule_that_only_warns_fails_nobody(server: Server, vectors: Path) -> None:
    server.clear()
    file = vectors / "TA-TURN-4" / "one.json"
    wrong = json.loads(file.read_text(encoding="utf-8")) | {"level": "SHOULD"}
    wrong["then"]["absent"] = EXPECTATIONS["absent"]
    file.write_text(json.dumps(wrong), encoding="utf-8")
    done = cargo_test(EXAMPLE, "--test", "vectors", REDIS_URL=server.url, TURNAFFINITY_VECTORS=str(vectors))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "vectors: warning (SHOULD): TA-TURN-4/one.json" in vectors_said(done)
    assert "0 passed (one for each reading), 1 skipped, 0 failed, 1 warned" in vectors_said(done)


def test_without_a_server_or_vectors_the_runner_says_what_it_skipped_and_a_wrong_name_fails(
    vectors: Path, tmp_path: Path
) -> None:
    built = cargo_test(EXAMPLE, "--test", "vectors", "--no-run")
    program = built.stderr.rpartition("(")[2].partition(")")[0]
    runs = Path(program) if Path(program).is_absolute() else EXAMPLE / program
    alone = {"PATH": str(tmp_path), "TURNAFFINITY_VECTORS": str(vectors)}
    done = subprocess.run([str(runs)], env=alone, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (
        0,
        "vectors: skipped: no REDIS_URL, and neither redis-server nor valkey-server is on the PATH\n",
    )
    nowhere = {"TURNAFFINITY_VECTORS": str(tmp_path / "nowhere")}
    done = subprocess.run([str(runs)], env=nowhere, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "which is no folder with vectors" in done.stdout


RIGHT, WRONG = "D1::Reuse => self.read_open_turn(&finalize.session_id)?", "D1::Reuse => None"


@pytest.mark.long
def test_one_broken_line_of_the_flow_fails_cargo_test(server: Server, vectors: Path, tmp_path: Path) -> None:
    server.clear()
    copy = tmp_path / "copy"
    shutil.copytree(EXAMPLE, copy, ignore=shutil.ignore_patterns("target"))
    flow = copy / "src" / "actor_finalize.rs"
    source = flow.read_text(encoding="utf-8")
    assert source.count(RIGHT) == 1
    flow.write_text(source.replace(RIGHT, WRONG), encoding="utf-8")
    shutil.copytree(ROOT / "lua", copy / "lua")
    own = {"CARGO_TARGET_DIR": str(tmp_path / "target"), "TURNAFFINITY_VECTORS": str(vectors)}
    done = cargo_test(copy, "--test", "vectors", REDIS_URL=server.url, **own)
    assert done.returncode != 0
    assert "step 3: turn_id: expected T1" in vectors_said(done), done.stdout + done.stderr
