#!/usr/bin/env python3
"""Reading intent. Plain commands only; the turn is read with HGETALL, candidates come out of one pipeline."""

import secrets
import sys
import uuid
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
import redis
from stranger_lib import Ask, Stranger, answer, connect, new_jobs, serve


class HgetallPlain(Stranger):
    name = "hgetall-plain"
    ops = ("finalize", "select")

    def __init__(self, hello: dict[str, Any]) -> None:
        self.db = connect(hello["redis_url"])

    def candidates(self, pair: str) -> list[str]:
        pipe = self.db.pipeline(transaction=False)
        for pool in range(1000):
            pipe.smembers(f"lingua:v1:pool:{pair}:{pool}:nodes")
        members = sorted(set().union(*pipe.execute()))
        for node in members:
            pipe.exists(f"lingua:v1:node:{node}")
        return [node for node, online in zip(members, pipe.execute(), strict=True) if online]

    def select(self, pair: str, job_id: str, turn_id: str) -> str | None:
        if job_id:
            bound = self.db.get(f"lingua:v1:job:{job_id}:node")
            if bound and self.db.hlen(f"lingua:v1:node:{bound}"):
                return str(bound)
        found = self.candidates(pair)
        recorded = self.db.hgetall(f"scheduler:turn:{turn_id}").get("affinity_node_id") if turn_id else None
        if recorded in found:
            return recorded
        if not found:
            return None
        node = secrets.choice(found)
        if job_id:
            self.db.set(f"lingua:v1:job:{job_id}:node", node, ex=3600)
        return node

    def clear(self, session: str) -> None:
        key = f"scheduler:session:{session}"
        turn = self.db.hget(key, "current_turn_id")
        if turn:
            with self.db.pipeline(transaction=True) as pipe:
                pipe.hdel(f"scheduler:turn:{turn}", "affinity_node_id").hdel(key, "current_turn_id").execute()

    def finalize(self, ask: Ask) -> dict[str, Any]:
        failed: Exception | None = None
        if ask.closing:
            try:
                self.clear(ask.session)
            except redis.RedisError as problem:
                failed = problem
            turn = str(uuid.uuid4())
        else:
            turn = self.db.hgetall(f"scheduler:session:{ask.session}").get("current_turn_id") or str(uuid.uuid4())
        jobs = new_jobs(ask)
        try:
            nodes = [
                self.select(f"{ask.src}:{lang}", "" if ask.closing else job, turn)
                for job, lang in zip(jobs, ask.langs, strict=True)
            ]
        finally:
            if failed:
                self.clear(ask.session)
        first = next((node for node in nodes if node), None)
        if first and not ask.closing:
            with self.db.pipeline(transaction=True) as pipe:
                pipe.hset(f"scheduler:turn:{turn}", mapping={"affinity_node_id": first})
                pipe.hset(f"scheduler:session:{ask.session}", "current_turn_id", turn)
                pipe.execute()
        return answer(turn, ask.langs, jobs, nodes)


serve(HgetallPlain)
