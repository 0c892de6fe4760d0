#!/usr/bin/env python3
"""Reading literal. Mints each time and deletes the turn that it supersedes, in one MULTI with the write."""

import random
import sys
import uuid
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
import redis
from stranger_lib import Ask, Stranger, answer, connect, new_jobs, serve


class SweepsSuperseded(Stranger):
    name = "sweeps-superseded"

    def __init__(self, hello: dict[str, Any]) -> None:
        self.db = connect(hello["redis_url"], protocol=3)

    def draw(self, pair: str) -> str | None:
        """Shuffle the members, take the first that is online."""
        members: list[str] = []
        pool = 0
        while found := self.db.smembers(f"lingua:v1:pool:{pair}:{pool}:nodes"):
            members += found
            pool += 1
        random.shuffle(members)
        return next((node for node in members if self.db.exists(f"lingua:v1:node:{node}")), None)

    def finalize(self, ask: Ask) -> dict[str, Any]:
        session, turn, jobs = f"scheduler:session:{ask.session}", str(uuid.uuid4()), new_jobs(ask)
        if ask.closing:
            return self.close(session, turn, jobs, ask)
        old = self.db.hget(session, "current_turn_id")
        nodes = [self.draw(f"{ask.src}:{lang}") for lang in ask.langs]
        for job, node in zip(jobs, nodes, strict=True):
            if node:
                self.db.set(f"lingua:v1:job:{job}:node", node, ex=3600)
        first = next((node for node in nodes if node), None)
        if first:
            with self.db.pipeline(transaction=True) as pipe:
                pipe.hset(f"scheduler:turn:{turn}", "affinity_node_id", first)
                pipe.hset(session, "current_turn_id", turn)
                if old:
                    pipe.delete(f"scheduler:turn:{old}")
                pipe.execute()
        return answer(turn, ask.langs, jobs, nodes)

    def close(self, session: str, turn: str, jobs: list[str], ask: Ask) -> dict[str, Any]:
        try:
            self.clear(session)
        except redis.RedisError as problem:
            print(problem, file=sys.stderr)
        try:
            nodes = [self.draw(f"{ask.src}:{lang}") for lang in ask.langs]
        finally:
            self.clear(session)
        return answer(turn, ask.langs, jobs, nodes)

    def clear(self, session: str) -> None:
        turn = self.db.hget(session, "current_turn_id")
        if turn:
            with self.db.pipeline(transaction=True) as pipe:
                pipe.delete(f"scheduler:turn:{turn}").hdel(session, "current_turn_id").execute()


serve(SweepsSuperseded)
