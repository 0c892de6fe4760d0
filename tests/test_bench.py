"""Does the bench measure what its rows say? No row's time is judged here: only what is counted."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from turnaffinity.bench.finalizes import BareCommands, flow_of, round_trips
from turnaffinity.bench.row import Limit, Row
from turnaffinity.bench.shares import extreme_draws
from turnaffinity.bench.stage import Stage, peer_script
from turnaffinity.bench.timing import Plan, ScriptCall, interleaved
from turnaffinity.problem import CannotRun, Problem
from turnaffinity.server import open_server
from turnaffinity.specification.actor_finalize import REASONS
from turnaffinity.specification.scripts import load_script

TINY = Plan(rounds=1, calls=2, draws=50)


@pytest.fixture
def stage() -> Iterator[Stage]:
    with open_server("embedded") as server:
        yield Stage(server, TINY)


def test_a_limit_holds_at_its_bound_and_not_beyond() -> None:
    assert Limit("at most", 1.3).holds(1.3)
    assert not Limit("at most", 1.3).holds(1.31)
    assert Limit("at least", 0.4).holds(0.4)
    assert not Limit("at least", 0.4).holds(0.39)


def test_a_row_says_this_through_peer() -> None:
    row = Row("a row", "µs", 6.0, 4.0, "a peer", limit=Limit("at most", 1.3))
    assert row.as_dict()["ratio"] == 1.5
    assert row.as_dict()["holds"] is False


def test_the_medians_are_per_call_and_each_side_has_its_own() -> None:
    calls: list[str] = []

    def side(name: str, cost: float) -> object:
        def measure(times: int) -> float:
            calls.append(name)
            return cost * times

        return measure

    medians = interleaved(Plan(3, 2000), [side("a", 2.0), side("b", 5.0)], lambda: None)  # type: ignore[list-item]
    assert medians == [2.0, 5.0]
    assert calls == ["a", "b"] * 6


@pytest.mark.parametrize("reason", REASONS)
def test_a_solo_finalize_takes_three_round_trips(stage: Stage, reason: str) -> None:
    stage.fill({0: 3})
    flow = flow_of(stage, reason)
    flow()
    assert round_trips(stage, flow) == 3.0


@pytest.mark.parametrize("reason", REASONS)
def test_the_bare_commands_are_as_many_round_trips(stage: Stage, reason: str) -> None:
    stage.fill({0: 3})
    assert round_trips(stage, BareCommands(stage).of(reason)) == 3.0


@pytest.mark.parametrize("peer", ["same_reads", "ask_each_pool"])
def test_a_peer_of_the_affinity_rows_answers_as_the_script_does(stage: Stage, peer: str) -> None:
    nodes = stage.fill({0: 3, 1: 3})
    args = [stage.pair, "", stage.open_turn(nodes[-1])]
    for source in (load_script("select_node"), peer_script(peer)):
        assert ScriptCall(stage.client, source, args).send(3) == [nodes[-1]] * 3


@pytest.mark.parametrize("peer", ["first_gap", "ask_each_pool"])
def test_a_peer_of_the_random_rows_draws_a_node_of_the_pair(stage: Stage, peer: str) -> None:
    nodes = stage.fill({0: 3, 1: 3})
    call = ScriptCall(stage.client, peer_script(peer), [stage.pair, "", ""])
    assert set(call.send(200)) == set(nodes)


def test_the_draws_are_all_counted_and_a_node_that_never_came_counts_as_none(stage: Stage) -> None:
    assert extreme_draws(stage, {0: 1}, "one node") == (50, 50)
    assert extreme_draws(stage, {0: 100, 1: 100}, "more nodes than draws")[0] == 0


def test_an_error_of_a_script_is_raised_and_not_measured(stage: Stage) -> None:
    with pytest.raises(Exception, match="broken on purpose"):
        ScriptCall(stage.client, "return redis.error_reply('ERR broken on purpose')", []).send(1)


def test_the_verb_writes_rows_of_the_agreed_shape(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from turnaffinity.bench import run
    from turnaffinity.cli.verbs.bench import bench

    monkeypatch.setattr(run, "SECTIONS", (lambda stage: [Row("r", "µs", 2.0, 1.0, "p", limit=Limit("at most", 1.0))],))
    monkeypatch.setattr(run, "FURTHER_SECTIONS", ())
    out = tmp_path / "bench.json"
    bench(quick=True, json_file=out, server="embedded")
    (row,) = json.loads(out.read_text(encoding="utf-8"))["rows"]
    assert {"name", "unit", "this", "peer", "peer_name", "ratio"} <= set(row)
    assert row["ratio"] == 2.0


@pytest.mark.parametrize(("options", "status"), [([], 0), (["--check"], 1)])
def test_a_broken_limit_is_an_exit_status_only_with_check(
    monkeypatch: pytest.MonkeyPatch, options: list[str], status: int
) -> None:
    import typer

    from turnaffinity.bench import run
    from turnaffinity.cli.verbs.bench import bench

    monkeypatch.setattr(run, "SECTIONS", (lambda stage: [Row("r", "µs", 2.0, 1.0, "p", limit=Limit("at most", 1.0))],))
    monkeypatch.setattr(run, "FURTHER_SECTIONS", ())
    app = typer.Typer()
    app.command()(bench)
    assert CliRunner().invoke(app, ["--server", "embedded", "--quick", *options]).exit_code == status


def test_a_server_that_counts_no_time_is_refused() -> None:
    from turnaffinity.bench.run import run_bench

    with pytest.raises(CannotRun, match="fakeredis counts no server time"):
        run_bench("fake", TINY)


def test_a_file_that_cannot_be_written_is_refused_before_anything_is_measured(tmp_path: Path) -> None:
    from turnaffinity.cli.verbs.bench import bench

    with pytest.raises(Problem, match="its folder does not exist"):
        bench(json_file=tmp_path / "no" / "bench.json")
