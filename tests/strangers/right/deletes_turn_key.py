#!/usr/bin/env python3
"""Reading intent. Clears with DEL and UNLINK of the turn key, both always; ids are upper case (a warning)."""

import random
import sys
import uuid
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
import redis
from stranger_lib import Ask, Stranger, answer, connect, new_jobs, serve

CLEAR = """
local turn = redis.call('HGET', KEYS[1], 'current_turn_id')
if turn and turn ~= '' then
  redis.call(ARGV[1], 'scheduler:turn:' .. turn)
  redis.call('HDEL', KEYS[1], 'current_turn_id')
end
"""


class DeletesTurnKey(Stranger):
    name = "deletes-turn-key"
    ops = ("finalize", "select")

    def __init__(self, hello: dict[str, Any]) -> None:
        self.db = connect(hello["redis_url"])

    def select(self, pair: str, job_id: str, turn_id: str) -> str | None:
        return self.pick(pair, job_id, f"scheduler:turn:{turn_id}" if turn_id else None)

    def pick(self, pair: str, job: str, turn_key: str | None) -> str | None:
        bound = self.db.get(f"lingua:v1:job:{job}:node") if job else None
        if bound and self.db.exists(f"lingua:v1:node:{bound}"):
            return str(bound)
        keys = [f"lingua:v1:pool:{pair}:{pool}:nodes" for pool in range(1000)]
        found = [node for node in self.db.sunion(keys) if self.db.exists(f"lingua:v1:node:{node}")]
        if turn_key and self.db.exists(turn_key):
            recorded = self.db.hget(turn_key, "affinity_node_id")
            if recorded in found:
                return str(recorded)
        if not found:
            return None
        node = random.choice(found)
        if job:
            self.db.setex(f"lingua:v1:job:{job}:node", 3600, node)
        return node

    def finalize(self, ask: Ask) -> dict[str, Any]:
        session, fresh = f"scheduler:session:{ask.session}", str(uuid.uuid4()).upper()
        if ask.closing:
            return self.close(ask, session, fresh)
        open_turn = self.db.hget(session, "current_turn_id")
        turn = str(open_turn or fresh)
        jobs = new_jobs(ask)
        key = f"scheduler:turn:{turn}" if open_turn else None
        nodes = [self.pick(f"{ask.src}:{lang}", job, key) for job, lang in zip(jobs, ask.langs, strict=True)]
        if any(nodes):
            with self.db.pipeline() as pipe:
                pipe.hset(session, "current_turn_id", turn)
                pipe.hset(f"scheduler:turn:{turn}", "affinity_node_id", next(filter(None, nodes)))
                pipe.execute()
        return answer(turn, ask.langs, jobs, nodes)

    def close(self, ask: Ask, session: str, fresh: str) -> dict[str, Any]:
        jobs = new_jobs(ask)
        try:
            try:
                self.db.eval(CLEAR, 1, session, "DEL")
            except redis.RedisError as problem:
                print("first clear failed:", problem, file=sys.stderr)
            nodes = [self.pick(f"{ask.src}:{lang}", "", None) for lang in ask.langs]
        finally:
            self.db.eval(CLEAR, 1, session, "UNLINK")
        return answer(fresh, ask.langs, jobs, nodes)


serve(DeletesTurnKey)
