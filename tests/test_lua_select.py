"""Does select_node.lua keep its rules on every server that it has to run on?"""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any

import pytest

from turnaffinity.contract.layout import KeyLayout
from turnaffinity.server import Server, open_server
from turnaffinity.specification.scripts import load_script

PAIR = "zh:en"
LAYOUT = KeyLayout()
OTHER_NAMES = KeyLayout.model_validate(
    {
        "turn": "it's:{{{turn_id}}}:turn",
        "session": "sess\\{session_id}",
        "node": '"node"/{node_id}/up',
        "node_pools": "{node_id}/pools",
        "pool": "pool\n{pool_id}|{pair}",
        "job": "jöb:{job_id}",
        "affinity_field": "stays'with",
        "current_turn_field": "open\\turn",
        "job_ttl_s": 60,
    }
)


@pytest.fixture(scope="module", params=["embedded", "redis", "fake"])
def server(request: pytest.FixtureRequest) -> Iterator[Server]:
    if request.param == "redis" and not (shutil.which("redis-server") or shutil.which("valkey-server")):
        pytest.skip("no redis-server on PATH")
    with open_server(request.param) as live:
        yield live


class Field:
    """The nodes and pools of one layout, and the script under test."""

    def __init__(self, server: Server, layout: KeyLayout = LAYOUT) -> None:
        server.clear()
        self.layout, self.redis = layout, server.client()
        self._script = self.redis.register_script(load_script("select_node", layout))

    def node(self, node_id: str, *pool_ids: int, pair: str = PAIR, online: bool = True) -> None:
        if online:
            self.redis.hset(self.layout.node_key(node_id), "status", "up")
        for pool_id in pool_ids:
            self.redis.hset(self.layout.node_pools_key(node_id), pair, str(pool_id))
            self.redis.sadd(self.layout.pool_key(pair, pool_id), node_id)

    def affinity(self, turn_id: str, node_id: str) -> None:
        self.redis.hset(self.layout.turn_key(turn_id), self.layout.affinity_field, node_id)

    def select(self, turn_id: str = "", job_id: str = "", pair: str = PAIR) -> Any:
        return self._script(args=[pair, job_id, turn_id])

    def drawn(self, times: int = 50, **arguments: str) -> set[Any]:
        return {self.select(**arguments) for _ in range(times)}

    def kept(self) -> dict[str, Any]:
        """Every key of turns and sessions with its content and its TTL."""
        prefixes = (self.layout.prefixes["turn"], self.layout.prefixes["session"])
        names = [key for key in self.redis.keys("*") if key.startswith(prefixes)]
        return {key: (self.redis.hgetall(key), self.redis.ttl(key)) for key in names}


@pytest.fixture
def field(server: Server) -> Field:
    return Field(server)


@pytest.fixture
def three(field: Field) -> Field:
    for node_id in ("a", "b", "c"):
        field.node(node_id, 0)
    return field


def test_the_recorded_node_is_taken_every_time(three: Field) -> None:
    three.affinity("t", "b")
    assert three.drawn(turn_id="t") == {"b"}


def test_a_recorded_node_in_the_last_pool_is_taken_too(three: Field) -> None:
    three.node("far", 999)
    three.affinity("t", "far")
    assert three.drawn(turn_id="t") == {"far"}


@pytest.mark.parametrize(
    "prepare",
    [
        lambda field: "",
        lambda field: "unknown",
        lambda field: field.affinity("t", "") or "t",
        lambda field: field.redis.hset(field.layout.turn_key("t"), "timeout_node_id", "a") and "t",
        lambda field: field.affinity("other", "a") or "t",
    ],
    ids=["no turn id", "no turn key", "empty field", "legacy field only", "another turn's affinity"],
)
def test_without_affinity_any_candidate_is_drawn(three: Field, prepare: Callable[[Field], str]) -> None:
    assert three.drawn(turn_id=prepare(three)) == {"a", "b", "c"}


def test_an_empty_turn_id_reads_no_turn_key_even_if_there_is_one(three: Field) -> None:
    three.affinity("", "a")
    assert three.drawn(turn_id="") == {"a", "b", "c"}


def test_a_recorded_node_that_went_offline_is_not_taken(three: Field) -> None:
    three.affinity("t", "a")
    three.redis.delete(three.layout.node_key("a"))
    assert three.drawn(turn_id="t") == {"b", "c"}


def test_a_recorded_node_in_no_pool_of_the_pair_is_not_taken(three: Field) -> None:
    three.node("elsewhere", 0, pair="zh:ja")
    three.affinity("t", "elsewhere")
    assert three.drawn(turn_id="t") == {"a", "b", "c"}


def test_a_recorded_node_whose_hash_names_a_pool_that_lacks_it_is_not_taken(three: Field) -> None:
    three.node("half")
    three.redis.hset(three.layout.node_pools_key("half"), PAIR, "0")
    three.affinity("t", "half")
    assert three.drawn(turn_id="t") == {"a", "b", "c"}


def test_selection_changes_no_turn_and_no_session(three: Field) -> None:
    three.affinity("t", "gone")
    three.redis.hset(three.layout.session_key("s"), mapping={"current_turn_id": "t", "theirs": "x"})
    three.redis.expire(three.layout.session_key("s"), 1000)
    before = three.kept()
    three.drawn(turn_id="t", job_id="j")
    assert {key: value[0] for key, value in three.kept().items()} == {key: value[0] for key, value in before.items()}
    assert three.redis.ttl(three.layout.turn_key("t")) == -1


@pytest.mark.parametrize("turn_id", ["", "t"])
def test_no_candidate_is_nil_and_writes_nothing(field: Field, turn_id: str) -> None:
    field.affinity("t", "elsewhere")
    field.node("elsewhere", 0, pair="zh:ja")
    before = sorted(field.redis.keys("*"))
    assert field.select(turn_id=turn_id, job_id="j") is None
    assert sorted(field.redis.keys("*")) == before


@pytest.mark.parametrize("first", [0, 8, 9, 10, 49, 59])
@pytest.mark.parametrize("gap", [1, 39, 40])
def test_a_gap_of_up_to_forty_pool_ids_hides_no_candidate(field: Field, first: int, gap: int) -> None:
    """The nodes before the gap are gone, so that the one after it is the only answer."""
    for pool_id in range(first + 1):
        field.node(f"before-{pool_id}", pool_id, online=False)
    field.node("after", first + gap + 1)
    assert field.select() == "after"


@pytest.mark.parametrize("pool_id", [0, 49, 50, 500, 999])
def test_a_pair_whose_only_pool_has_any_id_is_served(field: Field, pool_id: int) -> None:
    field.node("only", pool_id)
    assert field.select() == "only"


def test_a_node_that_is_drawn_and_gone_leaves_every_pool_it_was_in(three: Field) -> None:
    three.node("gone", 0, online=False)
    three.node("gone", 7, pair="de:fr", online=False)
    three.node("a", 7, pair="de:fr")
    assert three.drawn(times=80) == {"a", "b", "c"}
    assert not three.redis.exists(three.layout.node_pools_key("gone"))
    assert three.redis.smembers(three.layout.pool_key(PAIR, 0)) == {"a", "b", "c"}
    assert three.redis.smembers(three.layout.pool_key("de:fr", 7)) == {"a"}
    assert three.redis.hgetall(three.layout.node_pools_key("a")) == {PAIR: "0", "de:fr": "7"}


def test_pools_of_nodes_that_are_all_gone_are_emptied_and_the_answer_is_nil(field: Field) -> None:
    for number in range(30):
        field.node(f"gone-{number}", number % 3, online=False)
    assert field.select(job_id="j") is None
    assert field.redis.keys("*") == []


def test_the_only_node_online_among_many_gone_is_found(field: Field) -> None:
    for number in range(30):
        field.node(f"gone-{number}", number % 3, online=False)
    field.node("alive", 2)
    assert field.select() == "alive"


def test_a_job_is_bound_for_an_hour_with_and_without_affinity(three: Field) -> None:
    three.affinity("t", "b")
    for job_id, turn_id in (("j1", ""), ("j2", "t")):
        node_id = three.select(job_id=job_id, turn_id=turn_id)
        assert three.redis.get(three.layout.job_key(job_id)) == node_id
        assert 3590 <= three.redis.ttl(three.layout.job_key(job_id)) <= 3600


def test_without_a_job_id_nothing_is_bound(three: Field) -> None:
    before = sorted(three.redis.keys("*"))
    three.drawn()
    assert sorted(three.redis.keys("*")) == before


def test_a_bound_job_keeps_its_node_before_affinity_is_looked_at(three: Field) -> None:
    three.affinity("t", "b")
    three.redis.set(three.layout.job_key("j"), "c")
    assert three.drawn(turn_id="t", job_id="j") == {"c"}


def test_a_binding_to_a_node_that_is_gone_is_dropped(three: Field) -> None:
    three.affinity("t", "b")
    three.redis.set(three.layout.job_key("j"), "gone")
    assert three.select(turn_id="t", job_id="j") == "b"
    assert three.redis.get(three.layout.job_key("j")) == "b"


def test_a_binding_to_a_node_that_is_gone_is_dropped_even_if_there_is_no_other_node(field: Field) -> None:
    field.redis.set(field.layout.job_key("j"), "gone")
    assert field.select(job_id="j") is None
    assert not field.redis.exists(field.layout.job_key("j"))


def test_ids_are_compared_byte_for_byte(field: Field) -> None:
    for node_id in ("N1", "n1", "n1.", "n-1", "n_1"):
        field.node(node_id, 0)
    field.affinity("T", "n1.")
    field.affinity("t", "N1")
    assert field.drawn(turn_id="T") == {"n1."}
    assert field.drawn(turn_id="t") == {"N1"}


def test_a_layout_of_other_names_reaches_every_step(server: Server) -> None:
    field = Field(server, OTHER_NAMES)
    field.node("a", 0)
    field.node("b", 12)
    field.node("gone", 12, online=False)
    field.affinity("t", "b")
    assert field.drawn(turn_id="t", job_id="j") == {"b"}
    assert field.redis.get("jöb:j") == "b"
    assert 50 <= field.redis.ttl("jöb:j") <= 60
    assert field.drawn() == {"a", "b"}
    assert field.redis.smembers("pool\n12|zh:en") == {"b"}


def test_a_pool_index_finds_pools_after_any_gap_and_passes_over_empty_ones(server: Server) -> None:
    field = Field(server, KeyLayout.model_validate({"pool_index": "pools-of:{pair}"}))
    field.node("a", 0)
    field.node("b", 700)
    field.redis.sadd("pools-of:zh:en", "0", "300", "700")
    assert field.drawn() == {"a", "b"}


@pytest.mark.parametrize("sizes", [{0: 20}, {0: 20, 1: 1, 2: 7, 41: 3}], ids=["one pool", "unequal pools and a gap"])
def test_every_node_gets_between_two_fifths_and_two_and_a_half_of_its_share(
    server: Server, sizes: dict[int, int]
) -> None:
    """At 200 expected draws a node, an even draw leaves these bounds less than once in 10**12 runs."""
    if server.kind == "fake":
        pytest.skip("fakeredis draws with the C library's rand; the limit is on Redis and Valkey")
    field = Field(server)
    for pool_id, size in sizes.items():
        for number in range(size):
            field.node(f"{pool_id}-{number}", pool_id)
    fair = 200
    count = sum(sizes.values())
    pipe = field.redis.pipeline(transaction=False)
    sha = field.redis.script_load(load_script("select_node"))
    for _ in range(fair * count):
        pipe.evalsha(sha, 0, PAIR, "", "")
    drawn = Counter(pipe.execute())
    assert len(drawn) == count
    assert 0.4 * fair <= min(drawn.values())
    assert max(drawn.values()) <= 2.5 * fair


def test_a_draw_does_not_follow_the_clock(server: Server) -> None:
    """Calls in a pipeline are a few microseconds apart: a clock's draws would be as many places apart, again and again.

    Each distance is expected 40 times; three times as often is 12 standard deviations.
    """
    if server.kind == "fake":
        pytest.skip("fakeredis answers too slowly for its clock to show")
    field = Field(server)
    for number in range(100):
        field.node(str(number), 0)
    order = field.redis.eval("return redis.call('SMEMBERS', KEYS[1])", 1, field.layout.pool_key(PAIR, 0))
    place = {node_id: number for number, node_id in enumerate(order)}
    sha = field.redis.script_load(load_script("select_node"))
    pipe = field.redis.pipeline(transaction=False)
    for _ in range(4001):
        pipe.evalsha(sha, 0, PAIR, "", "")
    drawn = [place[node_id] for node_id in pipe.execute()]
    distances = Counter((later - earlier) % 100 for earlier, later in pairwise(drawn))
    assert max(distances.values()) <= 120


def test_the_first_draws_differ_from_one_start_of_the_server_to_the_next(server: Server) -> None:
    """Twenty draws of a hundred nodes agree by chance once in 10**40."""
    if server.kind == "fake":
        pytest.skip("fakeredis has no process to start anew")
    firsts = []
    for _ in range(2):
        server.restart()
        field = Field(server)
        for number in range(100):
            field.node(str(number), 0)
        firsts.append([field.select() for _ in range(20)])
    assert firsts[0] != firsts[1]
