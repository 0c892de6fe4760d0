#!/usr/bin/env python3
"""Reading intent. A job state machine stands beside the contract: records, locks, idempotency keys, counters, streams.

A job's record `lingua:v1:job:<id>` says its session, state, turn and node, for people who look; the program itself
reads back the state alone, since only a queued job may be dispatched.
"""

import contextlib
import random
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
import redis
from stranger_lib import Ask, NoNode, Stranger, answer, connect, new_jobs, serve

CLEAR = """
local turn = redis.call('HGET', KEYS[1], 'current_turn_id')
if turn and turn ~= '' then redis.call('HDEL', ARGV[1] .. turn, 'affinity_node_id') end
if turn then redis.call('HDEL', KEYS[1], 'current_turn_id') end
return turn
"""


class JobMachine(Stranger):
    name = "job-machine"
    ops = ("finalize", "select")

    def __init__(self, hello: dict[str, Any]) -> None:
        self.db = connect(hello["redis_url"])

    # the machine

    @contextlib.contextmanager
    def locked(self, ask: Ask) -> Iterator[None]:
        """A lock of the session's for as long as the finalize lasts, and its entry among the active ones."""
        lock, token = f"scheduler:lock:{ask.session}", uuid.uuid4().hex
        if not self.db.set(lock, token, nx=True, px=8000):
            self.db.incr("lingua:v1:stats:lock-waits")
        self.db.sadd("scheduler:sessions", ask.session)
        try:
            yield
        finally:
            self.db.srem("scheduler:sessions", ask.session)
            if self.db.get(lock) == token:
                self.db.delete(lock)

    def state(self, job: str, state: str, **more: str) -> None:
        record = f"lingua:v1:job:{job}"
        self.db.hset(record, mapping={"state": state, **more})
        self.db.expire(record, 7200)

    def event(self, ask: Ask, kind: str, turn: str) -> None:
        fields = {"kind": kind, "session_id": ask.session, "turn_id": turn, "pair": f"{ask.src}:{ask.langs[0]}"}
        self.db.xadd("lingua:v1:stream:finalizes", fields, maxlen=500, approximate=True)
        self.db.incr(f"lingua:v1:stats:{kind}:{random.randrange(17)}")

    # the contract

    def select(self, pair: str, job_id: str, turn_id: str) -> str | None:
        binding = f"lingua:v1:job:{job_id}:node"
        if job_id and (bound := self.db.get(binding)) and self.db.exists(f"lingua:v1:node:{bound}"):
            return str(bound)
        recorded = self.db.hget(f"scheduler:turn:{turn_id}", "affinity_node_id") if turn_id else None
        if recorded and self.serves(str(recorded), pair):
            return str(recorded)
        members: set[str] = set()
        for base in range(0, 1000, 45):
            some = self.db.sunion([f"lingua:v1:pool:{pair}:{base + offset}:nodes" for offset in range(45)])
            if not some:
                break
            members |= set(some)
        for node in random.sample(sorted(members), len(members)):
            if self.db.exists(f"lingua:v1:node:{node}"):
                if job_id:
                    self.db.set(binding, node, ex=3600)
                return node
        return None

    def serves(self, node: str, pair: str) -> bool:
        there = self.db.exists(f"lingua:v1:node:{node}") == 1
        return there and bool(self.db.hexists(f"lingua:v1:node:{node}:pools", pair))

    def dispatch(self, ask: Ask, job: str, lang: str, turn: str) -> str | None:
        """Queue a job, and let it run if it is still queued: a cancelled one gets no node."""
        self.state(job, "queued", session_id=ask.session, turn_id=turn, tgt_lang=lang)
        if self.db.hget(f"lingua:v1:job:{job}", "state") != "queued":
            return None
        node = self.select(f"{ask.src}:{lang}", "" if ask.closing else job, turn)
        self.state(job, "running" if node else "starved", node_id=node or "")
        return node

    def finalize(self, ask: Ask) -> dict[str, Any]:
        with self.locked(ask):
            once = f"lingua:v1:idem:{ask.session}:{uuid.uuid4().hex[:8]}"
            self.db.set(once, ask.reason, nx=True, ex=300)
            self.event(ask, ask.reason, "")
            return self.close(ask) if ask.closing else self.go_on(ask)

    def go_on(self, ask: Ask) -> dict[str, Any]:
        session, jobs = f"scheduler:session:{ask.session}", new_jobs(ask)
        turn = str(self.db.hget(session, "current_turn_id") or uuid.uuid4())
        nodes = [self.dispatch(ask, job, lang, turn) for job, lang in zip(jobs, ask.langs, strict=True)]
        first = next(filter(None, nodes), None)
        if first is None:
            raise NoNode("nobody can take it")
        pipe = self.db.pipeline(transaction=True)
        pipe.hset(f"scheduler:turn:{turn}", "affinity_node_id", first).hset(session, "current_turn_id", turn)
        pipe.incr("scheduler:turns").set(f"lingua:v1:last:{ask.session}", turn, ex=600)
        pipe.execute()
        self.event(ask, "written", turn)
        return answer(turn, ask.langs, jobs, nodes)

    def close(self, ask: Ask) -> dict[str, Any]:
        try:
            self.clear(ask)
        except redis.RedisError as problem:
            print("first clear:", problem, file=sys.stderr)
        turn, jobs = str(uuid.uuid4()), new_jobs(ask)
        try:
            nodes = [self.dispatch(ask, job, lang, turn) for job, lang in zip(jobs, ask.langs, strict=True)]
        finally:
            self.clear(ask)
        self.event(ask, "closed", turn)
        return answer(turn, ask.langs, jobs, nodes)

    def clear(self, ask: Ask) -> None:
        self.db.eval(CLEAR, 1, f"scheduler:session:{ask.session}", "scheduler:turn:")
        self.db.delete(f"lingua:v1:last:{ask.session}")


if __name__ == "__main__":
    serve(JobMachine)
