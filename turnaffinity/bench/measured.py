"""What does one turn cost? Bytes, processor time and left-over keys, measured on a live server."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from turnaffinity.contract.decisions import PRESETS, Reading
from turnaffinity.contract.layout import KeyLayout
from turnaffinity.server import Server
from turnaffinity.specification.actor_finalize import Scheduler, do_finalize, new_uuid
from turnaffinity.specification.scripts import load_script

SOURCE, TARGET = "zh", "en"
OPEN_TURNS = 20_000
"""So many turns are opened to weigh one: enough for the server's tables to grow by whole steps on the way."""

FINALIZES = 600
"""So many finalizes of each kind are timed."""

SEGMENTS = 4
"""So many max_duration finalizes has the speech whose left-over keys are counted."""


@dataclass(frozen=True)
class Measured:
    """What one server said; see `turnaffinity plan --json` for the same as JSON."""

    server: str
    turn_bytes: float
    """Bytes of one open turn: its own key, and one field more in a session hash that is there anyway."""
    binding_bytes: float
    """Bytes of one job's binding to its node, its expiry included."""
    extend_us: float
    """Processor time of the server for one max_duration finalize with one job, in microseconds, network included."""
    close_us: float
    """The same for a manual or timeout finalize."""
    left_closed: dict[str, int]
    """By reading: turn keys left by a speech of `SEGMENTS` segments that was closed."""
    left_abandoned: dict[str, int]
    """By reading: turn keys left by the same speech where the session went away without closing."""

    def as_dict(self) -> dict[str, Any]:
        """Every figure by its name."""
        return asdict(self)


def measure(server: Server, *, turns: int = OPEN_TURNS, finalizes: int = FINALIZES) -> Measured:
    """Weigh and time the contract on a server of our own; it is cleared before, between and after.

    Sends INFO, FLUSHALL SYNC and, through the specification's flow, what a scheduler sends.
    """
    client: Any = server.client()
    _emptied(client)
    weight = _turn_bytes(client, turns)
    _emptied(client)
    binding = _binding_bytes(client, turns)
    server.clear()
    _serve(client)
    extend_us, close_us = (_cpu_us(client, finalizes, reason) for reason in ("max_duration", "manual"))
    left = {name: _left_over(server, client, reading) for name, reading in PRESETS.items()}
    server.clear()
    return Measured(
        _name(client), weight, binding, extend_us, close_us,
        {name: closed for name, (closed, _) in left.items()}, {name: gone for name, (_, gone) in left.items()},
    )  # fmt: skip


def _emptied(client: Any) -> None:
    client.execute_command("FLUSHALL", "SYNC")  # memory that is freed in the background would be weighed too


def _serve(client: Any) -> None:
    layout = KeyLayout()
    for node in ("n1", "n2", "n3"):
        client.hset(layout.node_key(node), "status", "online")
        client.hset(layout.node_pools_key(node), f"{SOURCE}:{TARGET}", "0")
        client.sadd(layout.pool_key(f"{SOURCE}:{TARGET}", 0), node)


def _turn_bytes(client: Any, turns: int) -> float:
    layout, write = KeyLayout(), client.script_load(load_script("write_affinity"))
    sessions = [new_uuid() for _ in range(turns)]
    _pipelined(client, [("HSET", layout.session_key(name), "user_id", "u-1", "lang", SOURCE) for name in sessions])
    before = client.info("memory")["used_memory"]
    node = "node-0123456789"
    _pipelined(client, [("EVALSHA", write, 0, name, new_uuid(), node, "overwrite") for name in sessions])
    return float(client.info("memory")["used_memory"] - before) / turns


def _binding_bytes(client: Any, jobs: int) -> float:
    layout = KeyLayout()
    before = client.info("memory")["used_memory"]
    life = str(layout.job_ttl_s)
    _pipelined(client, [("SET", layout.job_key(new_uuid()), "node-0123456789", "EX", life) for _ in range(jobs)])
    return float(client.info("memory")["used_memory"] - before) / jobs


def _pipelined(client: Any, commands: list[tuple[Any, ...]], at_once: int = 1000) -> None:
    for start in range(0, len(commands), at_once):
        pipeline = client.pipeline(transaction=False)
        for command in commands[start : start + at_once]:
            pipeline.execute_command(*command)
        pipeline.execute()


def _cpu_us(client: Any, finalizes: int, reason: str) -> float:
    scheduler = Scheduler(client, PRESETS["intent"])
    scheduler.load_scripts()
    do_finalize(scheduler, "warm", reason, SOURCE, TARGET)
    if reason != "max_duration":
        for number in range(finalizes):
            do_finalize(scheduler, f"s{number}", "max_duration", SOURCE, TARGET)
    before = _cpu_s(client)
    for number in range(finalizes):
        do_finalize(scheduler, f"s{number}", reason, SOURCE, TARGET)
    return (_cpu_s(client) - before) * 1e6 / finalizes


def _cpu_s(client: Any) -> float:
    info = client.info("cpu")
    return float(info["used_cpu_user"]) + float(info["used_cpu_sys"])


def _left_over(server: Server, client: Any, reading: Reading) -> tuple[int, int]:
    counts = []
    for ending in (["manual"], []):
        server.clear()
        _serve(client)
        scheduler = Scheduler(client, reading)
        for reason in ["max_duration"] * SEGMENTS + ending:
            do_finalize(scheduler, "s1", reason, SOURCE, TARGET)
        counts.append(len(client.keys(KeyLayout().turn_key("*"))))
    return counts[0], counts[1]


def _name(client: Any) -> str:
    info = client.info("server")
    return f"Valkey {info['valkey_version']}" if "valkey_version" in info else f"Redis {info['redis_version']}"
