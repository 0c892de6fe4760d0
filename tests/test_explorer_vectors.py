"""Is each committed counterexample complete in itself? Run from its file alone, through the real flow."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from turnaffinity.contract.decisions import GOALS, reading_from
from turnaffinity.server import Server, open_server
from turnaffinity.specification.actor_finalize import NoNode, Scheduler, do_finalize
from turnaffinity.specification.pool_service import DrawnPoolService

FOLDER = Path(__file__).parent.parent / "conformance" / "vectors"
FILES = sorted(path for goal in GOALS for path in (FOLDER / goal.id).glob("*.json"))


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with open_server("embedded") as live:
        yield live


def test_there_is_a_vector_for_every_goal_that_can_be_broken() -> None:
    assert {path.parent.name for path in FILES} == {"G1", "G2", "G3", "G4", "G6", "G7", "G8"}


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_the_real_flow_does_what_the_vector_says(server: Server, path: Path) -> None:
    vector = json.loads(path.read_text(encoding="utf-8"))
    server.clear()
    with server.client() as client:
        for command in vector["given"]:
            client.execute_command(*command)
        runner = VectorRunner(client, vector)
        results = [runner.take(step) for step in vector["when"]]
        bound: dict[str, str] = {}
        for wanted, got in zip(vector["then"]["results"], results, strict=True):
            agree(wanted, got, bound)
        assert not runner.draws, "a draw was not asked for"
        then = with_ids(vector["then"], bound)
        assert {key: client.hgetall(key) for key in then["keys"]} == then["keys"]
        assert not [key for key in then["absent"] if client.exists(key)]
        assert {client.ttl(key) for key in then["no_ttl"]} <= {-1}


class VectorRunner:
    """Takes the steps of one vector, with the draws that it names and the commands inside its finalizes."""

    def __init__(self, client: Any, vector: dict[str, Any]) -> None:
        self.client, self.draws = client, list(vector["draws"])
        self.reading = reading_from(vector["reading"])
        self.during: list[dict[str, Any]] = []
        self.job = 0

    def take(self, step: dict[str, Any]) -> dict[str, Any] | None:
        if step["op"] == "redis":
            self.client.execute_command(*step["command"])
            return None
        self.during, self.job = list(step.get("during", [])), 0
        selection = DrawnPoolService(self.client, lambda candidates: self.draws.pop(0))
        scheduler = Scheduler(self.client, self.reading, pool_service=selection, at=self.at)
        names = ("session_id", "reason", "src_lang", "tgt_lang", "room_langs")
        try:
            done = do_finalize(scheduler, *(step[name] for name in names))
        except NoNode:
            return {"error": "no_node"}
        jobs = [{"tgt_lang": job.tgt_lang, "node_id": job.node_id} for job in done.jobs]
        return {"turn_id": done.turn_id, "jobs": jobs}

    def at(self, step: str) -> None:
        self.job += step == "select"
        place = {"select": f"job {self.job}", "write": "write"}.get(step)
        for item in self.during:
            if item["before"] == place:
                for command in item["commands"]:
                    self.client.execute_command(*command)


def agree(wanted: Any, got: Any, bound: dict[str, str]) -> None:
    if not wanted or "turn_id" not in wanted:
        assert got == wanted
        return
    assert got["jobs"] == wanted["jobs"]
    ((how, name),) = wanted["turn_id"].items()
    if how == "bind":
        assert got["turn_id"] not in bound.values()
        bound[name] = got["turn_id"]
    assert bound[name] == got["turn_id"]


def with_ids(value: Any, bound: dict[str, str]) -> Any:
    return json.loads(re.sub(r"\$\{(\w+)\}", lambda found: bound[found[1]], json.dumps(value)))
