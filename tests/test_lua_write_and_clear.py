"""Do write_affinity.lua and clear_affinity.lua keep their rules on every server that they have to run on?"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from typing import Any

import pytest
import redis

from turnaffinity.contract.layout import KeyLayout
from turnaffinity.server import Server, open_server
from turnaffinity.specification.scripts import load_script

SESSION, TURN = "scheduler:session:s", "scheduler:turn:t"


@pytest.fixture(scope="module", params=["embedded", "redis", "fake"])
def server(request: pytest.FixtureRequest) -> Iterator[Server]:
    if request.param == "redis" and not (shutil.which("redis-server") or shutil.which("valkey-server")):
        pytest.skip("no redis-server on PATH")
    with open_server(request.param) as live:
        yield live


class Scripts:
    def __init__(self, server: Server, layout: KeyLayout | None = None) -> None:
        server.clear()
        self.redis = server.client()
        self._write = self.redis.register_script(load_script("write_affinity", layout))
        self._clear = self.redis.register_script(load_script("clear_affinity", layout))

    def write(self, node_id: str, choice: str = "overwrite", turn_id: str = "t") -> Any:
        return self._write(args=["s", turn_id, node_id, choice])

    def clear(self, session_id: str = "s") -> Any:
        return self._clear(args=[session_id])


@pytest.fixture
def scripts(server: Server) -> Scripts:
    return Scripts(server)


@pytest.mark.parametrize("choice", ["overwrite", "write-once", "repair"])
def test_a_first_write_records_node_and_open_turn_without_a_ttl(scripts: Scripts, choice: str) -> None:
    assert scripts.write("n1", choice) == "n1"
    assert scripts.redis.hgetall(TURN) == {"affinity_node_id": "n1"}
    assert scripts.redis.hgetall(SESSION) == {"current_turn_id": "t"}
    assert scripts.redis.ttl(TURN) == scripts.redis.ttl(SESSION) == -1


@pytest.mark.parametrize(
    ("choice", "online", "stands"),
    [
        ("overwrite", True, "n2"),
        ("overwrite", False, "n2"),
        ("write-once", True, "n1"),
        ("write-once", False, "n1"),
        ("repair", True, "n1"),
        ("repair", False, "n2"),
    ],
)
def test_what_a_second_write_does_is_d4s_choice(scripts: Scripts, choice: str, online: bool, stands: str) -> None:
    scripts.redis.hset(TURN, "affinity_node_id", "n1")
    if online:
        scripts.redis.hset("lingua:v1:node:n1", "status", "up")
    assert scripts.write("n2", choice) == stands
    assert scripts.redis.hget(TURN, "affinity_node_id") == stands
    assert scripts.redis.hget(SESSION, "current_turn_id") == "t"


@pytest.mark.parametrize("choice", ["write-once", "repair"])
def test_an_empty_affinity_is_none_and_is_written_over(scripts: Scripts, choice: str) -> None:
    scripts.redis.hset(TURN, "affinity_node_id", "")
    assert scripts.write("n2", choice) == "n2"


def test_a_write_leaves_other_fields_and_a_ttl_of_the_session_alone(scripts: Scripts) -> None:
    scripts.redis.hset(SESSION, "theirs", "x")
    scripts.redis.expire(SESSION, 1000)
    scripts.write("n1")
    assert scripts.redis.hgetall(SESSION) == {"theirs": "x", "current_turn_id": "t"}
    assert 990 <= scripts.redis.ttl(SESSION) <= 1000


@pytest.mark.parametrize(
    ("node_id", "choice", "turn_id"), [("n", "sometimes", "t"), ("", "overwrite", "t"), ("n", "repair", "")]
)
def test_a_write_that_cannot_be_meant_is_refused_and_writes_nothing(
    scripts: Scripts, node_id: str, choice: str, turn_id: str
) -> None:
    with pytest.raises(redis.ResponseError, match=r"use overwrite, write-once or repair|must not be empty"):
        scripts.write(node_id, choice, turn_id)
    assert scripts.redis.keys("*") == []


def test_a_clear_closes_the_open_turn_and_leaves_no_key(scripts: Scripts) -> None:
    scripts.write("n1")
    assert scripts.clear() == "t"
    assert scripts.redis.keys("*") == []


def test_clearing_again_changes_nothing_and_is_no_error(scripts: Scripts) -> None:
    scripts.redis.hset(SESSION, "theirs", "x")
    scripts.write("n1")
    scripts.clear()
    assert scripts.clear() is None
    assert scripts.redis.hgetall(SESSION) == {"theirs": "x"}


def test_a_clear_deletes_fields_and_not_keys(scripts: Scripts) -> None:
    scripts.write("n1")
    scripts.redis.hset(TURN, "theirs", "x")
    scripts.redis.hset(SESSION, "theirs", "y")
    scripts.clear()
    assert scripts.redis.hgetall(TURN) == {"theirs": "x"}
    assert scripts.redis.hgetall(SESSION) == {"theirs": "y"}


def test_a_clear_touches_only_its_own_session_and_turn(scripts: Scripts) -> None:
    scripts.write("n1")
    scripts.redis.hset("scheduler:turn:t2", "affinity_node_id", "n2")
    scripts.redis.hset("scheduler:session:s2", "current_turn_id", "t2")
    scripts.clear()
    assert sorted(scripts.redis.keys("*")) == ["scheduler:session:s2", "scheduler:turn:t2"]


def test_an_empty_open_turn_names_no_turn(scripts: Scripts) -> None:
    scripts.redis.hset(SESSION, "current_turn_id", "")
    scripts.redis.hset("scheduler:turn:", "affinity_node_id", "n1")
    assert scripts.clear() is None
    assert scripts.redis.hgetall("scheduler:turn:") == {"affinity_node_id": "n1"}


def test_a_turn_whose_key_is_gone_is_open_still_and_is_closed(scripts: Scripts) -> None:
    scripts.redis.hset(SESSION, "current_turn_id", "t")
    assert scripts.clear() == "t"
    assert scripts.redis.keys("*") == []


def test_a_layout_of_other_names_reaches_both_scripts(server: Server) -> None:
    layout = KeyLayout.model_validate(
        {
            "turn": "{{{turn_id}}}:t",
            "session": "se'ss:{session_id}",
            "affinity_field": "a\\b",
            "current_turn_field": "c\nd",
        }
    )
    scripts = Scripts(server, layout)
    assert scripts.write("n1", "repair") == "n1"
    assert scripts.redis.hgetall("{t}:t") == {"a\\b": "n1"}
    assert scripts.redis.hgetall("se'ss:s") == {"c\nd": "t"}
    assert scripts.clear() == "t"
    assert scripts.redis.keys("*") == []
