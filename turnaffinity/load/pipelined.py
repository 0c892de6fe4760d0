"""How fast can many sessions be served over one connection? Their finalizes side by side, in three round trips."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from turnaffinity.contract.answers import Finalized, Job
from turnaffinity.load.speaker import SOURCE, TARGET
from turnaffinity.problem import Problem
from turnaffinity.specification.actor_finalize import Scheduler, do_finalize
from turnaffinity.specification.scripts import load_script

SIDE_BY_SIDE = 100
"""So many sessions are finalized together where throughput is measured."""


def finalize_together(scheduler: Scheduler, requests: Sequence[tuple[str, str]]) -> list[Finalized]:
    """Carry out one solo finalize each of many sessions, in three pipelines; (session id, reason) in, answers out.

    The same steps as `do_finalize`, each for all sessions at once: clear or read the open turn, select, write or clear
    again. Each session's own steps stay in their order. Reading `intent` or `literal`, scripts loaded beforehand.
    Sends HGET and EVALSHA. Raises `Problem` for a session that is named twice, or a reading that clears or writes in
    between; `redis.RedisError`. Note, sections 2 and 3.
    """
    _refuse(scheduler, requests)
    redis: Any = scheduler.client
    layout, reading = scheduler.layout, scheduler.reading
    select, write, clear = _sha(redis, scheduler)
    # READ
    with redis.pipeline(transaction=False) as pipe:
        for session, reason in requests:
            if reason != "max_duration":
                pipe.evalsha(clear, 0, session)
            else:
                pipe.hget(layout.session_key(session), layout.current_turn_field)
        found = pipe.execute()
    # DECIDE (TA-TURN-4)
    keeps = reading.d1 == "reuse"
    turns = [
        (answer if reason == "max_duration" and keeps and answer else None) or scheduler.new_turn_id()
        for (_, reason), answer in zip(requests, found, strict=True)
    ]
    jobs = [scheduler.new_job_id() for _ in requests]
    with redis.pipeline(transaction=False) as pipe:
        for (_, reason), turn, job in zip(requests, turns, jobs, strict=True):
            bound = reason == "max_duration"  # should_bind_job_to_node (TA-BIND-1)
            pipe.evalsha(select, 0, f"{SOURCE}:{TARGET}", job if bound else "", turn)
        nodes = pipe.execute()
    # WRITE
    with redis.pipeline(transaction=False) as pipe:
        for (session, reason), turn, node in zip(requests, turns, nodes, strict=True):
            if reason != "max_duration":
                pipe.evalsha(clear, 0, session)
            elif node is not None:
                pipe.evalsha(write, 0, session, turn, node, reading.d4)
        pipe.execute()
    return [Finalized(turn, (Job(job, TARGET, node),)) for turn, job, node in zip(turns, jobs, nodes, strict=True)]


def throughput(scheduler: Scheduler, finalizes: int = 3000) -> tuple[float, float]:
    """Finalizes a second of one process: one after the other, and side by side over `SIDE_BY_SIDE` sessions."""
    reasons = ("max_duration", "max_duration", "manual")
    scheduler.load_scripts()
    began = time.perf_counter()
    for number in range(finalizes):
        do_finalize(scheduler, f"one-{number % SIDE_BY_SIDE}", reasons[number // SIDE_BY_SIDE % 3], SOURCE, TARGET)
    alone = finalizes / (time.perf_counter() - began)
    began = time.perf_counter()
    for number in range(finalizes // SIDE_BY_SIDE):
        finalize_together(scheduler, [(f"many-{n}", reasons[number % 3]) for n in range(SIDE_BY_SIDE)])
    return alone, finalizes // SIDE_BY_SIDE * SIDE_BY_SIDE / (time.perf_counter() - began)


def _refuse(scheduler: Scheduler, requests: Sequence[tuple[str, str]]) -> None:
    names = [session for session, _ in requests]
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise Problem(f'session "{twice}"', "is named twice", "finalizes of one session come one after the other")
    if (scheduler.reading.d2, scheduler.reading.d3) != ("before", "after-batch"):
        raise Problem(f"reading {scheduler.reading.label}", "cannot be pipelined so", "use intent or literal")


def _sha(redis: Any, scheduler: Scheduler) -> tuple[str, str, str]:
    names = ("select_node", "write_affinity", "clear_affinity")
    select, write, clear = (redis.script_load(load_script(name, scheduler.layout)) for name in names)
    return select, write, clear
