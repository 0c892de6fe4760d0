#!/usr/bin/env python3
"""Reading D1=mint,D2=after,D3=after-first-job,D4=overwrite. Takes dead nodes out of pools, deletes legacy fields."""

import random
import sys
import uuid
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from stranger_lib import Ask, Stranger, answer, connect, new_jobs, serve


class LegacySweeper(Stranger):
    name = "legacy-sweeper"
    ops = ("finalize", "select")

    def __init__(self, hello: dict[str, Any]) -> None:
        self.db = connect(hello["redis_url"])
        self.layout = hello["layout"]

    def key(self, name: str, **parts: Any) -> str:
        return str(self.layout[name]).format(**parts)

    def draw(self, pair: str) -> str | None:
        found: list[str] = []
        last = 0
        for pool in range(1000):
            key = self.key("pool", pair=pair, pool_id=pool)
            if pool - last > 60:
                break
            for node in self.db.smembers(key):
                last = pool
                if self.db.exists(self.key("node", node_id=node)):
                    found.append(node)
                else:
                    self.db.srem(key, node)
                    self.db.delete(self.key("node_pools", node_id=node))
        return max(found, key=lambda _: random.random(), default=None)

    def select(self, pair: str, job_id: str, turn_id: str) -> str | None:
        if job_id:
            bound = self.db.get(self.key("job", job_id=job_id))
            if bound and self.db.exists(self.key("node", node_id=bound)):
                return str(bound)
            self.db.delete(self.key("job", job_id=job_id))
        if turn_id:
            turn_key = self.key("turn", turn_id=turn_id)
            recorded = self.db.hget(turn_key, self.layout["affinity_field"])
            if recorded and self.db.exists(self.key("node", node_id=recorded)):
                pool = self.db.hget(self.key("node_pools", node_id=recorded), pair)
                if pool and self.db.smismember(self.key("pool", pair=pair, pool_id=pool), [recorded]) == [1]:
                    return str(recorded)
        node = self.draw(pair)
        if node and job_id:
            self.db.set(self.key("job", job_id=job_id), node, ex=self.layout["job_ttl_s"])
        return node

    def finalize(self, ask: Ask) -> dict[str, Any]:
        session, pointer = self.key("session", session_id=ask.session), self.layout["current_turn_field"]
        open_turn = self.db.hget(session, pointer) if ask.closing else None
        turn = str(open_turn or uuid.uuid4())
        jobs, nodes, written = new_jobs(ask), [], False
        try:
            for job, lang in zip(jobs, ask.langs, strict=True):
                node = self.select(f"{ask.src}:{lang}", "" if ask.closing else job, turn)
                nodes.append(node)
                if node and not written and not ask.closing:
                    self.write(session, pointer, turn, node)
                    written = True
        finally:
            if ask.closing and open_turn:
                self.clear(session, pointer, turn)
        return answer(turn, ask.langs, jobs, nodes)

    def write(self, session: str, pointer: str, turn: str, node: str) -> None:
        with self.db.pipeline() as pipe:
            pipe.hset(self.key("turn", turn_id=turn), self.layout["affinity_field"], node)
            pipe.hdel(self.key("turn", turn_id=turn), "timeout_node_id", "max_duration_node_id")
            pipe.hset(session, pointer, turn)
            pipe.execute()

    def clear(self, session: str, pointer: str, turn: str) -> None:
        fields = [self.layout["affinity_field"], "timeout_node_id", "max_duration_node_id"]
        with self.db.pipeline() as pipe:
            pipe.hdel(self.key("turn", turn_id=turn), *fields).hdel(session, pointer).execute()


serve(LegacySweeper)
