#!/usr/bin/env python3
"""Reading intent. Scripts that declare every key they touch: selection gets up to forty-odd KEYS, the clear compares.

What to declare is read first in plain commands; the clear's script goes ahead only while the session still names the
turn that was read, else it is asked again. A semaphore, a set of busy sessions and fifty gauges stand beside it.
"""

import random
import sys
import uuid
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
import redis
from stranger_lib import Ask, Stranger, answer, connect, new_jobs, serve

# KEYS: the job's binding, the turn (both perhaps a key that is never there), node keys; ARGV: flag, draw, ids of nodes
PICK = """
local alive = {}
for i = 3, #KEYS do
  if redis.call('EXISTS', KEYS[i]) == 1 then alive[#alive + 1] = ARGV[i] end
end
local recorded = redis.call('HGET', KEYS[2], 'affinity_node_id')
for _, node in ipairs(alive) do if node == recorded then return node end end
if #alive == 0 then return false end
local node = alive[ARGV[2] % #alive + 1]
if ARGV[1] == 'bind' then redis.call('SET', KEYS[1], node, 'EX', 3600) end
return node
"""
WRITE = """
redis.call('HSET', KEYS[1], 'affinity_node_id', ARGV[2])
redis.call('HSET', KEYS[2], 'current_turn_id', ARGV[1])
"""
CLEAR = """
if redis.call('HGET', KEYS[2], 'current_turn_id') ~= ARGV[1] then return 0 end
redis.call('HDEL', KEYS[1], 'affinity_node_id')
return redis.call('HDEL', KEYS[2], 'current_turn_id')
"""
NOWHERE = "lingua:v1:nowhere"


class DeclaredKeys(Stranger):
    name = "declared-keys"
    ops = ("finalize", "select")
    clear_text = CLEAR

    def __init__(self, hello: dict[str, Any]) -> None:
        self.db = connect(hello["redis_url"])
        self.pick, self.write = self.db.register_script(PICK), self.db.register_script(WRITE)
        self.compare_and_clear = self.db.register_script(self.clear_text)

    def members(self, pair: str) -> list[str]:
        found: list[str] = []
        for base in range(0, 1000, 43):
            some = self.db.sunion([f"lingua:v1:pool:{pair}:{pool}:nodes" for pool in range(base, base + 43)])
            if not some:
                break
            found += some
        return found

    def select(self, pair: str, job_id: str, turn_id: str) -> str | None:
        binding = f"lingua:v1:job:{job_id}:node" if job_id else NOWHERE
        bound = self.db.get(binding) if job_id else None
        if bound and self.db.exists(f"lingua:v1:node:{bound}"):
            return str(bound)
        nodes = self.members(pair)
        keys = [binding, f"scheduler:turn:{turn_id}" if turn_id else NOWHERE, *(f"lingua:v1:node:{n}" for n in nodes)]
        node = self.pick(keys=keys, args=["bind" if job_id else "", random.getrandbits(32), *nodes])
        return None if node is None else str(node)

    def finalize(self, ask: Ask) -> dict[str, Any]:
        """Busy while it lasts; the semaphore is a counter that falls back to where it was."""
        self.db.sadd("scheduler:sessions:busy", ask.session)
        self.db.incr("lingua:v1:semaphore")
        try:
            return self.close(ask) if ask.closing else self.go_on(ask)
        finally:
            self.db.decr("lingua:v1:semaphore")
            self.db.srem("scheduler:sessions:busy", ask.session)
            self.db.incrbyfloat(f"lingua:v1:gauge:{random.randrange(50)}", 0.5)

    def go_on(self, ask: Ask) -> dict[str, Any]:
        session = f"scheduler:session:{ask.session}"
        turn, jobs = str(self.db.hget(session, "current_turn_id") or uuid.uuid4()), new_jobs(ask)
        nodes = [self.select(f"{ask.src}:{lang}", job, turn) for job, lang in zip(jobs, ask.langs, strict=True)]
        if any(nodes):
            self.write(keys=[f"scheduler:turn:{turn}", session], args=[turn, next(filter(None, nodes))])
        return answer(turn, ask.langs, jobs, nodes)

    def close(self, ask: Ask) -> dict[str, Any]:
        session = f"scheduler:session:{ask.session}"
        try:
            self.clear(session)
        except redis.RedisError as problem:
            print(problem, file=sys.stderr)
        turn, jobs = str(uuid.uuid4()), new_jobs(ask)
        try:
            nodes = [self.select(f"{ask.src}:{lang}", "", turn) for lang in ask.langs]
        finally:
            self.clear(session)
        return answer(turn, ask.langs, jobs, nodes)

    def clear(self, session: str) -> None:
        while turn := self.db.hget(session, "current_turn_id"):
            if self.compare_and_clear(keys=[f"scheduler:turn:{turn}", session], args=[turn]):
                return


if __name__ == "__main__":
    serve(DeclaredKeys)
