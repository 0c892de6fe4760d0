"""What does one finalize cost its caller, in round trips and in time?"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from turnaffinity.bench.row import Limit, Row
from turnaffinity.bench.stage import Stage
from turnaffinity.bench.timing import Plan, interleaved
from turnaffinity.specification.actor_finalize import REASONS, Scheduler, do_finalize, new_uuid
from turnaffinity.specification.scripts import load_script

COMMANDS = 3
"""What a solo finalize has to send, whatever its reason."""

ROUND_TRIPS = Limit("at most", 1.0)
"""Three round trips in all, for each reason (reading `intent`, solo, scripts loaded)."""

_COUNTED = 100


def finalize_rows(stage: Stage) -> list[Row]:
    """For each reason, solo, reading `intent`: round trips counted on the wire, and time against the bare commands."""
    stage.fill({0: 100})
    bare, rows = BareCommands(stage), []
    plan = Plan(stage.plan.rounds, max(1, stage.plan.calls // COMMANDS), stage.plan.draws)
    for reason in REASONS:
        flow = flow_of(stage, reason)
        flow()
        name = f"do_finalize, {reason}"
        trips = round_trips(stage, flow)
        rows.append(
            Row(f"{name}: round trips", "round trips", trips, COMMANDS, "the limit",
                "counted by the server: requests that it read from its sockets, a finalize", ROUND_TRIPS)
        )  # fmt: skip
        sides = [clocked(flow), clocked(bare.of(reason))]
        this_us, peer_us = interleaved(plan, sides, lambda name=name: stage.say(name))  # type: ignore[misc]
        rows.append(
            Row(f"{name}: time", "µs", this_us, peer_us, "the bare commands",
                "wall time at the caller; nearly all of it is waiting for the server")
        )  # fmt: skip
        per_second = [1e6 / this_us, 1e6 / peer_us]
        rows.append(
            Row(f"{name}: throughput", "finalizes/s", per_second[0], per_second[1], "the bare commands",
                "of one connection that waits for each answer")
        )  # fmt: skip
    return rows


def round_trips(stage: Stage, flow: Callable[[], object]) -> float:
    """Requests that the server read from its sockets while the flow ran once, as an average of 100 runs."""
    before = _reads(stage)
    looking = _reads(stage) - before
    before = _reads(stage)
    for _ in range(_COUNTED):
        flow()
    return (_reads(stage) - before - looking) / _COUNTED


def _reads(stage: Stage) -> int:
    stats: Any = stage.client.info("stats")
    return int(stats["total_reads_processed"])


def flow_of(stage: Stage, reason: str, client: Any = None) -> Callable[[], object]:
    """One solo finalize under the reading `intent`, as a call; through another client than the stage's if named."""
    scheduler = Scheduler(client or stage.client, layout=stage.layout)
    session_id, (source, target) = f"{stage.name}-session", stage.pair.split(":")
    return lambda: do_finalize(scheduler, session_id, reason, source, target)


def clocked(run: Callable[[], object]) -> Callable[[int], float]:
    """Measures so many calls of `run`: wall time in µs."""

    def measure(calls: int) -> float:
        started = time.perf_counter()
        for _ in range(calls):
            run()
        return (time.perf_counter() - started) * 1e6

    return measure


class BareCommands:
    """The commands that a solo finalize has to send under the reading `intent`, with nothing around them."""

    def __init__(self, stage: Stage) -> None:
        self._redis: Any = stage.client
        names = ("select_node", "write_affinity", "clear_affinity")
        self._select, self._write, self._clear = (self._redis.script_load(load_script(name)) for name in names)
        self._pair, self._session_id = stage.pair, f"{stage.name}-bare"
        self._session_key = stage.layout.session_key(self._session_id)
        self._field = stage.layout.current_turn_field

    def of(self, reason: str) -> Callable[[], object]:
        """One finalize's commands, as a call."""
        return self._extend if reason == "max_duration" else self._close

    def _extend(self) -> None:
        turn_id = self._redis.hget(self._session_key, self._field) or new_uuid()
        node_id = self._redis.evalsha(self._select, 0, self._pair, new_uuid(), turn_id)
        self._redis.evalsha(self._write, 0, self._session_id, turn_id, node_id, "overwrite")

    def _close(self) -> None:
        self._redis.evalsha(self._clear, 0, self._session_id)
        self._redis.evalsha(self._select, 0, self._pair, "", new_uuid())
        self._redis.evalsha(self._clear, 0, self._session_id)
