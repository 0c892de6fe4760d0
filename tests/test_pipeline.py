"""The judge's own commands: in order, few trips, and none of them among the subject's."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from redis.exceptions import ResponseError

from turnaffinity.contract.layout import KeyLayout
from turnaffinity.server import Server, open_server
from turnaffinity.server.live import pinned
from turnaffinity.stage.judge import Judge
from turnaffinity.stage.observer import Observer
from turnaffinity.stage.pipeline import Pipeline
from turnaffinity.stage.stage import Stage
from turnaffinity.stage.state import take_snapshot


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with open_server("embedded") as server:
        yield server


@pytest.fixture
def client(server: Server) -> Any:
    server.clear()
    return server.client()


def trips(client: Any) -> int:
    """How often the server has read from a client's socket so far."""
    return int(client.info("stats")["total_reads_processed"])


def test_what_nobody_waits_for_goes_in_one_trip_with_what_somebody_does(server: Server, client: Any) -> None:
    pipeline = Pipeline(pinned(server.client()), None)
    before = trips(client)
    pipeline.later([("SET", "a", "1"), ("SET", "b", "1")])
    pipeline.later([("APPEND", "a", "2")])
    assert client.exists("a") == 0
    assert pipeline.now([("GET", "a"), ("GET", "b")]) == ["12", "1"]
    pipeline.settle()
    assert trips(client) - before == 3  # ours, EXISTS, and INFO itself


def test_an_error_of_a_command_that_waited_is_raised_by_the_next_trip_and_not_twice(
    server: Server, client: Any
) -> None:
    pipeline = Pipeline(pinned(server.client()), None)
    pipeline.later([("SET", "a", "1"), ("HSET", "a", "field", "1"), ("SET", "b", "1")])
    with pytest.raises(ResponseError, match="WRONGTYPE"):
        pipeline.now([("GET", "a")])
    assert pipeline.now([("GET", "b")]) == ["1"]


def test_the_judges_latest_trip_opens_the_step_and_shows_none_of_its_own(server: Server, client: Any) -> None:
    observer = Observer(server)
    pipeline = Pipeline(pinned(server.client()), observer)
    pipeline.later([("SET", "judge", "1")])
    pipeline.now([("GET", "judge")])
    before = trips(client)
    observer.begin()
    assert trips(client) - before == 1  # INFO itself
    client.set("subject", "1")
    assert [c.argv for c in observer.end() if c.name == "SET"] == [("SET", "subject", "1")]
    observer.close()


def test_a_command_on_the_lent_connection_is_not_taken_for_the_subjects(server: Server) -> None:
    observer = Observer(server)
    pipeline = Pipeline(pinned(server.client()), observer)
    pipeline.now([("SET", "judge", "1")])
    pipeline.lent().set("judge", "2")
    observer.begin()
    assert observer.end() == ()
    observer.close()


def test_fakeredis_is_given_each_command_at_once() -> None:
    with open_server("fake") as fake:
        pipeline = Pipeline(fake.client(), None)
        pipeline.later([("SET", "a", "1")])
        assert fake.client().get("a") == "1"


def test_the_subject_finds_what_the_judge_did_before_it_acts() -> None:
    with Judge(seed=1) as judge:
        stage = Stage(judge, "x")
        nodes = stage.nodes(2)
        stage.serve(nodes)
        for node in (nodes[1], nodes[0], nodes[1]):
            session = stage.session()
            stage.record(stage.turn(), node, session)
            assert stage.finalize(session, "max_duration", watch=False).nodes == [node]
        stage.offline(nodes[1])
        assert judge.client.exists(stage.layout.node_key(nodes[1])) == 0


def test_one_look_sees_what_a_walk_through_the_keys_sees(client: Any) -> None:
    layout = KeyLayout()
    hashed, other = layout.session_key("s"), layout.turn_key("t\n\u00e9 *")
    client.hset(hashed, mapping={"a": "1", "b": "", "c d": "\u00e9"})
    client.hset(other, "f", "1")
    client.pexpireat(other, 4_102_444_800_000)
    client.set(layout.job_key("j"), "node", ex=3600)
    client.set(layout.job_key("empty"), "")
    client.sadd(layout.pool_key("zh:en", 0), "n1", "n2")
    client.rpush(layout.node_key("list"), "x", "y", "x")
    client.zadd(layout.node_key("zset"), {"x": 1.5, "y": 2})
    client.xadd(layout.node_key("stream"), {"f": "1"})
    client.execute_command("SET", b"scheduler:turn:\xff", b"\xfe")
    look, walk = (take_snapshot(client, layout, everything=everything) for everything in (True, False))
    assert len(look.keys) == 9
    assert {key: (type(held.value), held) for key, held in look.keys.items()} == {
        key: (type(held.value), held) for key, held in walk.keys.items()
    }
    assert look.keys[other].expires_at_ms == 4_102_444_800_000
    assert list(look.keys) == list(walk.keys)
