"""Are losses under load counted, and only those? Real processes, real faults."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from turnaffinity.cli.main import app
from turnaffinity.contract.decisions import PRESETS
from turnaffinity.load.pipelined import finalize_together
from turnaffinity.load.speaker import UTTERANCE, Weather
from turnaffinity.load.storms import STORMS, Outcome, run_storm
from turnaffinity.notebook import readme
from turnaffinity.problem import CannotRun, Problem
from turnaffinity.server import open_server
from turnaffinity.server.started import embedded_binary
from turnaffinity.specification.actor_finalize import Scheduler, do_finalize

ROOT = Path(__file__).resolve().parent.parent
STORM = {storm.name: storm for storm in STORMS}


def outcome(name: str, adapter: str | None = None, sessions: int = 120) -> Outcome:
    return run_storm(STORM[name], embedded_binary(), sessions=sessions, adapter=adapter)


def stranger(name: str) -> str:
    return f"{sys.executable} {ROOT / 'tests/strangers/wrong' / name}"


def test_nothing_is_lost_where_nothing_breaks() -> None:
    calm = outcome("calm")
    assert calm.counts.finalizes == 120 * len(UTTERANCE)
    assert not calm.at_fault
    assert (calm.turn_keys_left, calm.pointers_left, calm.counts.errors.total()) == (0, 0, 0)


@pytest.mark.long
def test_nodes_that_die_and_return_send_no_job_to_a_wrong_node() -> None:
    stormy = outcome("nodes", sessions=300)
    assert stormy.counts.wrong_node == stormy.counts.lost_turn == stormy.counts.closed_turn == 0


@pytest.mark.long
def test_a_restart_loses_open_turns_unless_writes_are_kept() -> None:
    lost, kept = outcome("restart", sessions=300), outcome("restart-aof", sessions=300)
    assert lost.counts.lost_turn > 0
    assert kept.counts.lost_turn == kept.counts.wrong_node == 0
    assert lost.counts.errors.total() >= 1  # what the server's absence broke is answered, not hidden
    assert not lost.at_fault  # Redis lost them, not the scheduler


@pytest.mark.long
def test_a_failover_loses_what_only_the_master_knew() -> None:
    over = outcome("failover", sessions=400)
    assert over.counts.lost_turn + over.counts.closed_turn > 0
    assert over.counts.wrong_node == 0


@pytest.mark.parametrize(
    "name", ["one_turn_variable.py", pytest.param("group_jobs_lose_the_turn.py", marks=pytest.mark.long)]
)
def test_a_wrong_scheduler_shows_under_load_or_in_its_keys(name: str) -> None:
    found = outcome("calm", stranger(name), sessions=40)
    assert found.at_fault == (name == "one_turn_variable.py")  # the other one's mistake needs a room


def test_an_adapter_that_cannot_be_started_is_one_sentence() -> None:
    with pytest.raises(CannotRun, match="no hello"):
        outcome("calm", "/bin/false", sessions=4)
    run = CliRunner().invoke(app, ["load", "--scenario", "gale"])
    assert run.exit_code == 2 or isinstance(run.exception, Problem)


def test_the_verb_writes_what_it_counted_and_fails_for_what_was_lost(tmp_path: Path) -> None:
    out = tmp_path / "losses.json"
    run = CliRunner().invoke(app, ["load", "--scenario", "calm", "--sessions", "20", "--json", str(out)])
    (row,) = json.loads(out.read_text())
    assert run.exit_code == 0
    assert (row["scenario"], row["finalizes"], row["at_fault"]) == ("calm", 20 * len(UTTERANCE), False)


def test_the_readme_shows_a_row_for_each_scenario() -> None:
    block = readme.block(readme.README.read_text(encoding="utf-8"), "losses")
    assert [storm.what for storm in STORMS if f"| {storm.what} |" not in block] == []


def test_what_happens_while_a_node_goes_or_returns_is_held_against_nobody() -> None:
    weather = Weather([0.0] * 8)
    assert weather.there_since("n1", 1.0)
    weather.going(0)
    assert not weather.there_since("n1", float("1e18"))
    assert not weather.gone_since("n1", float("1e18"))
    weather.gone(0)
    assert weather.gone_since("n1", float("1e18"))
    assert not weather.gone_since("n1", 0.0)
    weather.returning(0)
    weather.back(0)
    assert weather.there_since("n1", float("1e18"))
    assert not weather.there_since("n1", 0.0)


@pytest.mark.parametrize("reading", ["intent", "literal"])
def test_finalizes_together_leave_what_they_leave_one_by_one(reading: str) -> None:
    left = []
    for together in (True, False):
        ids = iter(range(1000))
        with open_server() as server:
            client = server.client()
            client.hset("lingua:v1:node:n1", "status", "online")
            client.hset("lingua:v1:node:n1:pools", "zh:en", "0")
            client.sadd("lingua:v1:pool:zh:en:0:nodes", "n1")
            made = Scheduler(
                client, PRESETS[reading], new_turn_id=lambda ids=ids: f"t{next(ids)}", new_job_id=lambda: "j"
            )
            made.load_scripts()
            for reason in ("max_duration", "max_duration", "manual", "max_duration"):
                if together:
                    finalize_together(made, [("a", reason), ("b", reason)])
                else:
                    for session in ("a", "b"):
                        do_finalize(made, session, reason, "zh", "en")
            left.append({key: client.hgetall(key) for key in sorted(client.keys("scheduler:*"))})
    assert left[0] == left[1]
    assert left[0]["scheduler:session:a"]


def test_a_session_cannot_finalize_beside_itself_and_a_late_clear_cannot_be_pipelined() -> None:
    with open_server() as server:
        with pytest.raises(Problem, match="named twice"):
            finalize_together(Scheduler(server.client()), [("a", "manual"), ("a", "timeout")])
        with pytest.raises(Problem, match="cannot be pipelined"):
            finalize_together(Scheduler(server.client(), PRESETS["continuous"]), [("a", "manual")])
