"""Does the server itself keep a part of the contract, and does nothing right stumble over it?"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import redis

from turnaffinity.cli import main
from turnaffinity.contract.layout import KeyLayout, LayoutError
from turnaffinity.contract.privileges import setuser
from turnaffinity.judging.run import verify
from turnaffinity.mutation.flow import flow_factory
from turnaffinity.mutation.mutants import load_mutants
from turnaffinity.problem import CannotRun
from turnaffinity.server import Server, open_server, parse_address
from turnaffinity.server.live import connect
from turnaffinity.stage.judge import Judge, Kind
from turnaffinity.stage.stage import Stage
from turnaffinity.subjects.subject import Refused

ROOT = Path(__file__).parent.parent
TURN, SESSION, JOB = "scheduler:turn:t", "scheduler:session:s", "lingua:v1:job:j:node"


@pytest.fixture(scope="module", params=["embedded", "redis"])
def server(request: pytest.FixtureRequest) -> Iterator[Server]:
    with open_server(request.param) as live:
        yield live


def _as_scheduler(server: Server, layout: KeyLayout | None = None) -> Any:
    server.client().execute_command(*setuser(layout or KeyLayout(), "scheduler", "pw"))
    return connect(replace(parse_address(server.url), user="scheduler", password="pw"))


GRANTED = [
    ["HSET", TURN, "affinity_node_id", "n"], ["HGET", TURN, "affinity_node_id"], ["HDEL", TURN, "affinity_node_id"],
    ["HSET", SESSION, "current_turn_id", "t"], ["WATCH", SESSION, TURN], ["UNWATCH"], ["EXISTS", "lingua:v1:node:n"],
    ["HGET", "lingua:v1:node:n:pools", "zh:en"], ["SUNION", "lingua:v1:pool:zh:en:0:nodes"],
    ["SET", JOB, "n", "EX", "3600"], ["GET", JOB], ["DEL", JOB], ["CLIENT", "SETNAME", "x"],
    ["EVAL", "return redis.call('HGET', ARGV[1], 'affinity_node_id')", "0", TURN],
]  # fmt: skip
REFUSED = [
    ["EXPIRE", TURN, "300"], ["PEXPIREAT", SESSION, "4102444800000"], ["PERSIST", TURN], ["SET", TURN, "n", "EX", "9"],
    ["SET", TURN, "n"], ["EXPIRE", JOB, "9"], ["SETEX", JOB, "9", "n"], ["GETEX", JOB, "EX", "9"], ["DEL", SESSION],
    ["KEYS", "*"], ["SCAN", "0"], ["HSCAN", SESSION, "0"], ["HGET", "scheduler:room:r", "affinity_node_id"],
    ["HSET", "lingua:v1:node:n", "x", "1"], ["DEL", "lingua:v1:node:n"], ["SADD", "lingua:v1:pool:zh:en:0:nodes", "n"],
    ["FLUSHALL"], ["CONFIG", "GET", "*"], ["SCRIPT", "FLUSH"], ["MONITOR"], ["CLIENT", "KILL", "TYPE", "normal"],
    ["EVAL", "return redis.call('EXPIRE', ARGV[1], 300)", "0", TURN],
]  # fmt: skip


def test_what_the_contract_needs_is_granted_and_the_rest_is_refused_by_the_server(server: Server) -> None:
    server.clear()
    server.client().hset(TURN, "affinity_node_id", "n")
    with _as_scheduler(server) as client:
        for argv in GRANTED:
            client.execute_command(*argv)
        server.client().hset(TURN, "affinity_node_id", "n")
        for argv in REFUSED:
            with pytest.raises(redis.ResponseError, match=r"(?i)no permissions|can't run this command|NOPERM"):
                client.execute_command(*argv)
    assert server.client().ttl(TURN) == -1


def test_another_layouts_names_are_granted_and_glob_signs_in_them_are_plain(server: Server) -> None:
    server.clear()
    layout = KeyLayout(turn="my[turn]*{turn_id}", pool_index="idx:{pair}")
    with _as_scheduler(server, layout) as client:
        client.hset("my[turn]*t", "affinity_node_id", "n")
        client.smembers("idx:zh:en")
        for key in (TURN, "myt-t", "my[turn]t"):
            with pytest.raises(redis.ResponseError):
                client.hset(key, "affinity_node_id", "n")


def test_a_layout_that_no_rule_can_hold_is_refused_in_a_sentence() -> None:
    with pytest.raises(LayoutError, match="cannot hold"):
        setuser(KeyLayout(turn="my turn:{turn_id}"), "u", "p")


SUBJECTS: list[tuple[Kind, str]] = [("reference", ""), ("lua", str(ROOT / "lua" / "select_node.lua"))]


@pytest.mark.parametrize(
    ("kind", "target"),
    [pytest.param(*each, id=each[0], marks=pytest.mark.long) for each in SUBJECTS],
)
def test_what_is_right_conforms_with_these_rights_and_no_more(kind: Kind, target: str) -> None:
    with Judge(kind, target, "redis", seed=11, acl=True) as judge:
        report = verify(judge)
        users = judge.client.execute_command("ACL", "LIST")
        assert any(f"turnaffinity-{Stage(judge, 'x')._token}" in line for line in users)
    assert report.verdict == "conforms"


@pytest.mark.parametrize("server_kind", ["embedded", "redis"])
def test_a_mutant_that_sets_a_ttl_is_stopped_by_the_server_itself(server_kind: str) -> None:
    mutant = next(each for each in load_mutants() if each.rule == "TA-FAULT-5")
    failing = "try:\n        raise redis.RedisError\n        scheduler.write_script"
    sources = mutant.sources().items()
    patched = {name: text.replace("try:\n        scheduler.write_script", failing) for name, text in sources}
    with Judge("adapter", "mutant", server_kind, factory=flow_factory(patched), acl=True) as judge:
        stage = Stage(judge, "x")
        stage.serve(stage.nodes(2))
        step = stage.finalize(stage.session(), "max_duration")
        assert isinstance(step.answer, Refused)
        assert step.answer.code == "redis"
        assert "permission" in step.answer.message.lower()
        assert {state.expires_at_ms for state in stage.snapshot().with_prefix("scheduler:").values()} == {-1}


def test_a_server_without_users_says_so() -> None:
    with Judge(server_spec="fake", acl=True) as judge, pytest.raises(CannotRun, match="fakeredis has no users"):
        _ = judge.subject


def test_the_printed_line_goes_through_redis_cli_in_a_shell(server: Server, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main.main(["acl", "--user", "printed"])
    assert ended.value.code == 0
    line = capsys.readouterr().out.splitlines()[0]
    socket = server.url.removeprefix("unix://").partition("?")[0]
    done = subprocess.run(f"redis-cli -s {socket} {line}", shell=True, capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "OK", done.stdout + done.stderr
    client = connect(replace(parse_address(server.url), user="printed", password="PASSWORD"))
    assert client.hget(TURN, "none") is None


def test_the_json_names_what_each_part_is_for(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main.main(["acl", "--json"])
    document = json.loads(capsys.readouterr().out)
    assert document["argv"][:3] == ["ACL", "SETUSER", "scheduler"]
    assert all(part["for"] and part["rules"] and part["contract"] for part in document["parts"])
    assert any("SET ... EX" in sentence for sentence in document["limits"])
