"""How long does the server work on one call? Interleaved rounds, and the median of what the server itself says."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

import redis


@dataclass(frozen=True, slots=True)
class Plan:
    """How much is measured: rounds, calls a round and side, and draws of the check of shares."""

    rounds: int = 15
    calls: int = 2000
    draws: int = 200_000


FULL = Plan()
"""What the limits are stated for."""

QUICK = Plan(rounds=5, calls=300, draws=20_000)
"""For a look at the table: figures that may be off by a tenth or two."""


TURN_CALLS = 1000
"""Calls that one side makes before the other one's turn comes."""


class ScriptCall:
    """One script call that is sent many times over, packed for the wire beforehand."""

    def __init__(self, client: redis.Redis, source: str, args: Sequence[str]) -> None:
        self._pool: Any = client.connection_pool
        sha = str(client.script_load(source))
        connection: Any = self._pool.get_connection()
        try:
            packed = connection.pack_command("EVALSHA", sha, 0, *args)
        finally:
            self._pool.release(connection)
        self._packed = b"".join(packed)

    def send(self, times: int) -> list[Any]:
        """Call the script so many times in one pipeline; the replies, in order. Raises the first error reply."""
        connection = self._pool.get_connection()
        try:
            connection.send_packed_command([self._packed * times])
            return [connection.read_response() for _ in range(times)]
        finally:
            self._pool.release(connection)


def server_time_us(client: redis.Redis, work: Callable[[], object]) -> float:
    """Microseconds that the server spent in EVALSHA while `work` ran, as INFO commandstats counts them.

    What a script calls is part of its time; the network and the client are not.
    """
    before = _evalsha_us(client)
    work()
    return _evalsha_us(client) - before


def _evalsha_us(client: redis.Redis) -> float:
    stats: Any = client.info("commandstats")
    return float(stats.get("cmdstat_evalsha", {}).get("usec", 0))


def interleaved(plan: Plan, sides: Sequence[Callable[[int], float]], tick: Callable[[], None]) -> list[float]:
    """The median over the rounds of each side's time per call.

    A side makes that many calls and answers the time that they took together. Each round measures every side, in
    short turns, so that a machine that slows down slows all sides alike. `tick` is told of each round.
    """
    times: list[list[float]] = [[] for _ in sides]
    turn_calls = min(TURN_CALLS, plan.calls)
    turns = plan.calls // turn_calls
    for _ in range(plan.rounds):
        spent = [0.0] * len(sides)
        for _ in range(turns):
            for side, measure in enumerate(sides):
                spent[side] += measure(turn_calls)
        for side, series in enumerate(times):
            series.append(spent[side] / (turns * turn_calls))
        tick()
    return [median(series) for series in times]


def script_side(client: redis.Redis, call: ScriptCall) -> Callable[[int], float]:
    """A side for `interleaved`: the server time of `call`, sent so many times."""

    def measure(calls: int) -> float:
        return server_time_us(client, lambda: call.send(calls))

    call.send(50)  # the server's memory and the processor's caches are warm before the first round
    return measure
