#!/usr/bin/env python3
"""Reading continuous. WATCH, MULTI, EXEC for write and clear; SRANDMEMBER for the choice. No ``select``."""

import random
import sys
import uuid
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
import redis
from stranger_lib import Ask, Stranger, answer, connect, new_jobs, serve


class WatchMulti(Stranger):
    name = "watch-multi"

    def __init__(self, hello: dict[str, Any]) -> None:
        self.db = connect(hello["redis_url"])

    def serves(self, node: str, pair: str) -> bool:
        pool = self.db.hget(f"lingua:v1:node:{node}:pools", pair)
        if pool is None or not self.db.sismember(f"lingua:v1:pool:{pair}:{pool}:nodes", node):
            return False
        return self.db.type(f"lingua:v1:node:{node}") == "hash"

    def draw(self, pair: str) -> str | None:
        """A pool at random, a member at random; again while the member is gone."""
        while True:
            pools = []
            while self.db.scard(f"lingua:v1:pool:{pair}:{len(pools)}:nodes"):
                pools.append(f"lingua:v1:pool:{pair}:{len(pools)}:nodes")
            if not pools:
                return None
            online = [pool for pool in pools if any(map(self.online, self.db.smembers(pool)))]
            if not online:
                return None
            key = random.choice(online)
            while node := self.db.srandmember(key):
                if self.online(str(node)):
                    return str(node)

    def online(self, node: str) -> bool:
        return bool(self.db.exists(f"lingua:v1:node:{node}"))

    def pick(self, pair: str, job: str, turn: str) -> str | None:
        recorded = self.db.hget(f"scheduler:turn:{turn}", "affinity_node_id")
        if recorded and self.serves(str(recorded), pair):
            return str(recorded)
        node = self.draw(pair)
        if node and job:
            with self.db.pipeline() as pipe:
                pipe.set(f"lingua:v1:job:{job}:node", node).expire(f"lingua:v1:job:{job}:node", 3600).execute()
        return node

    def write(self, session: str, turn: str, node: str) -> None:
        def both(pipe: Any) -> None:
            pipe.multi()
            pipe.hset(f"scheduler:turn:{turn}", "affinity_node_id", node)
            pipe.hset(f"scheduler:session:{session}", "current_turn_id", turn)

        self.db.transaction(both, f"scheduler:session:{session}", f"scheduler:turn:{turn}")

    def clear(self, session: str) -> None:
        key = f"scheduler:session:{session}"

        def both(pipe: Any) -> None:
            turn = pipe.hget(key, "current_turn_id")
            pipe.multi()
            if turn:
                pipe.hdel(key, "current_turn_id")
                pipe.hdel(f"scheduler:turn:{turn}", "affinity_node_id")

        self.db.transaction(both, key)

    def finalize(self, ask: Ask) -> dict[str, Any]:
        turn = str(self.db.hget(f"scheduler:session:{ask.session}", "current_turn_id") or uuid.uuid4())
        jobs, nodes = new_jobs(ask), []
        try:
            for job, lang in zip(jobs, ask.langs, strict=True):
                node = self.pick(f"{ask.src}:{lang}", "" if ask.closing else job, turn)
                if node and not any(nodes) and not ask.closing:
                    self.write(ask.session, turn, node)
                nodes.append(node)
        finally:
            if ask.closing:
                try:
                    self.clear(ask.session)
                except redis.RedisError:
                    self.clear(ask.session)
        return answer(turn, ask.langs, jobs, nodes)


serve(WatchMulti)
