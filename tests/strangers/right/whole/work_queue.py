#!/usr/bin/env python3
"""Reading continuous. Jobs go through a list in Redis: a dispatcher thread pops them and selects.

The finalize pushes a job, the dispatcher (BRPOP) selects a node and pushes it on the job's reply list, the finalize
pops it. The queue and the replies are gone when the finalize is done. A third connection counts what is in the queue.
"""

import json
import random
import sys
import threading
import time
import uuid
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
import redis
from stranger_lib import Ask, Stranger, answer, connect, new_jobs, serve

BOTH = """
redis.call('HSET', KEYS[1], 'affinity_node_id', ARGV[2])
return redis.call('HSET', KEYS[2], 'current_turn_id', ARGV[1])
"""
CLOSE = """
local open = redis.call('HGET', KEYS[1], 'current_turn_id')
if open and open ~= '' then
  redis.call('UNLINK', 'scheduler:turn:' .. open)
  redis.call('HDEL', KEYS[1], 'current_turn_id')
end
"""


class WorkQueue(Stranger):
    name = "work-queue"

    def __init__(self, hello: dict[str, Any]) -> None:
        self.db, self.theirs = connect(hello["redis_url"]), connect(hello["redis_url"])
        self.queue = f"lingua:v1:queue:{uuid.uuid4().hex[:8]}"
        self.both, self.close = self.db.register_script(BOTH), self.db.register_script(CLOSE)
        threading.Thread(target=self.dispatch, daemon=True).start()
        threading.Thread(target=self.gauge, args=(connect(hello["redis_url"]),), daemon=True).start()

    # the dispatcher's side

    def dispatch(self) -> None:
        while True:
            try:
                popped = self.theirs.brpop([self.queue], timeout=2)
            except redis.RedisError:
                continue
            if popped is None:
                continue
            job = json.loads(popped[1])
            try:
                reply = {"node": self.choose(job["pair"], job["bind"], job["turn"])}
            except redis.RedisError as problem:
                reply = {"error": str(problem)}
            self.theirs.lpush(job["reply"], json.dumps(reply))

    def choose(self, pair: str, job: str, turn: str) -> str | None:
        """A job is new here, so that no binding can exist yet."""
        recorded = self.theirs.hget(f"scheduler:turn:{turn}", "affinity_node_id")
        pool = self.theirs.hget(f"lingua:v1:node:{recorded}:pools", pair) if recorded else None
        if pool is not None and self.theirs.exists(f"lingua:v1:node:{recorded}"):
            return str(recorded)
        nodes: set[str] = set()
        for base in range(0, 1000, 50):
            found = self.theirs.sunion([f"lingua:v1:pool:{pair}:{pool}:nodes" for pool in range(base, base + 50)])
            if not found:
                break
            nodes.update(found)
        alive = [node for node in nodes if self.theirs.exists(f"lingua:v1:node:{node}")]
        if not alive:
            return None
        node = random.choice(alive)
        if job:
            self.theirs.set(f"lingua:v1:job:{job}:node", node, ex=3600)
        return node

    def gauge(self, mine: redis.Redis) -> None:
        """Once in a while, on its own: how long is the queue?"""
        while True:
            try:
                slot = f"lingua:v1:depth:{random.randrange(50)}"
                mine.set(slot, mine.llen(self.queue), ex=30)
            except redis.RedisError as problem:
                print(problem, file=sys.stderr)
            time.sleep(0.05)

    # the finalize's side

    def ordered(self, pair: str, job: str, turn: str) -> str | None:
        """Hand one job over and wait for its node."""
        reply = f"{self.queue}:reply:{uuid.uuid4().hex[:8]}"
        self.db.lpush(self.queue, json.dumps({"pair": pair, "bind": job, "turn": turn, "reply": reply}))
        said = json.loads(self.db.brpop([reply], timeout=8)[1])
        if "error" in said:
            raise redis.ResponseError(said["error"])
        return said["node"]

    def finalize(self, ask: Ask) -> dict[str, Any]:
        session = f"scheduler:session:{ask.session}"
        turn = str(self.db.hget(session, "current_turn_id") or uuid.uuid4())
        jobs, nodes = new_jobs(ask), list[str | None]()
        try:
            for job, lang in zip(jobs, ask.langs, strict=True):
                nodes.append(self.ordered(f"{ask.src}:{lang}", "" if ask.closing else job, turn))
                if nodes[-1] and not any(nodes[:-1]) and not ask.closing:
                    self.write(ask, turn, nodes[-1])
        finally:
            if ask.closing:
                self.close(keys=[session])
        return answer(turn, ask.langs, jobs, nodes)

    def write(self, ask: Ask, turn: str, node: str) -> None:
        self.both(keys=[f"scheduler:turn:{turn}", f"scheduler:session:{ask.session}"], args=[turn, node])


if __name__ == "__main__":
    serve(WorkQueue)
