"""Is the plan's arithmetic right, and does what it measures on a live server make sense?"""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from turnaffinity.bench.measured import SEGMENTS, Measured, measure
from turnaffinity.bench.plan import Assumptions, Plan
from turnaffinity.cli.main import app
from turnaffinity.contract.decisions import PRESETS
from turnaffinity.contract.layout import KeyLayout
from turnaffinity.problem import Problem
from turnaffinity.server import open_server

LEFT = {"literal": SEGMENTS - 1, "intent": 0}
GONE = {"literal": SEGMENTS, "intent": 1}
ROUND = Measured("a server", 1024.0, 512.0, 100.0, 200.0, LEFT, GONE)
SMALL = Assumptions(
    sessions=600, turns_a_minute=10, long_share=0.5, segments=3, open_share=0.25, abandoned_share=0.1,
    shard_gib=1, busy_share=0.5,
)  # fmt: skip


def test_rates_and_cores_are_what_a_person_computes_by_hand() -> None:
    plan = Plan(ROUND, SMALL)
    assert plan.turns_a_second == 100  # 600 sessions, 10 a minute
    assert plan.long_turns_a_second == 50
    assert plan.finalizes_a_second == 250  # 100 closes, 150 extensions
    assert plan.cores == pytest.approx((150 * 100 + 100 * 200) / 1e6)


def test_memory_is_open_turns_and_the_bindings_of_an_hour() -> None:
    plan = Plan(ROUND, SMALL)
    assert plan.turns_gib == pytest.approx(150 * 1024 / 2**30)
    assert plan.bindings_gib == pytest.approx(150 * KeyLayout().job_ttl_s * 512 / 2**30)


def test_the_scarcer_of_time_and_memory_decides_how_many_shards() -> None:
    slow, heavy = SMALL.having(sessions=1e7, shard_gib=1e6), SMALL.having(sessions=1e7, shard_gib=0.5)
    assert Plan(ROUND, slow).shards == Plan(ROUND, slow).shards_for_time > Plan(ROUND, slow).shards_for_memory
    assert Plan(ROUND, heavy).shards == Plan(ROUND, heavy).shards_for_memory > Plan(ROUND, heavy).shards_for_time


def test_what_is_left_grows_with_the_segments_only_where_each_mints_an_id() -> None:
    plan = Plan(ROUND, SMALL)
    assert plan.left_a_turn("intent") == pytest.approx(0.1)  # the abandoned ones leave their one key
    assert plan.left_a_turn("literal") == pytest.approx(0.9 * 2 + 0.1 * 3)  # of three segments
    closed_by_all = Plan(ROUND, SMALL.having(abandoned_share=0))
    assert closed_by_all.left_a_day("intent") == 0
    assert closed_by_all.days_until_full("intent") is None
    assert closed_by_all.left_a_day("literal") == pytest.approx(50 * 86400 * 2)


@pytest.mark.parametrize(
    ("name", "value"), [("sessions", 0), ("long_share", 1.5), ("segments", 0.5), ("shard_gib", float("nan"))]
)
def test_an_assumption_that_makes_no_sense_is_refused_by_name(name: str, value: float) -> None:
    with pytest.raises(Problem, match=f"--assume {name}="):
        Assumptions(**{name: value})


def test_a_server_says_what_each_reading_leaves_and_what_a_turn_weighs() -> None:
    with open_server() as server:
        measured = measure(server, turns=2000, finalizes=40)
        assert server.client().dbsize() == 0
    assert measured.left_closed == {"literal": SEGMENTS - 1, "intent": 0, "continuous": 0, "decided": 0, "steady": 0}
    assert measured.left_abandoned == {"literal": SEGMENTS, "intent": 1, "continuous": 1, "decided": 1, "steady": 1}
    assert 50 < measured.turn_bytes < 1000
    assert 50 < measured.binding_bytes < 1000
    assert measured.extend_us > 0 < measured.close_us


def test_the_verb_prints_every_assumption_and_writes_the_same_as_json() -> None:
    run = CliRunner().invoke(app, ["plan", "--assume", "sessions=1000", "--json", "-"])
    found = json.loads(run.stdout)
    assert run.exit_code == 0
    assert found["assumptions"]["sessions"] == 1000
    assert set(found["left_per_day"]) == set(PRESETS)
    assert found["shards"]["in_all"] == 1
