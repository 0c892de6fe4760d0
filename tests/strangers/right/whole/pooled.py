#!/usr/bin/env python3
"""Reading continuous. A pool of five connections: each command goes out on whichever is at hand, leases beside it."""

import random
import sys
import uuid
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
import redis
from stranger_lib import Ask, Stranger, answer, connect, new_jobs, serve

RELEASE = "if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end return 0"


class Pooled(Stranger):
    name = "pooled"
    ops = ("finalize", "select")

    def __init__(self, hello: dict[str, Any]) -> None:
        self.clients = [connect(hello["redis_url"], single_connection_client=True) for _ in range(5)]
        self.me = uuid.uuid4().hex[:8]

    @property
    def db(self) -> redis.Redis:
        """Any connection, another one each time; what it carried is counted by the one beside it."""
        number = random.randrange(len(self.clients))
        beside = self.clients[number - 1]
        beside.hincrby(f"lingua:v1:conn:{self.me}:{number}", "commands", 1)
        return self.clients[number]

    def select(self, pair: str, job_id: str, turn_id: str) -> str | None:
        if job_id:
            bound = self.db.get(f"lingua:v1:job:{job_id}:node")
            if bound and self.db.exists(f"lingua:v1:node:{bound}"):
                return str(bound)
        recorded = self.db.hget(f"scheduler:turn:{turn_id}", "affinity_node_id") if turn_id else None
        if recorded and self.db.exists(f"lingua:v1:node:{recorded}"):
            pool = self.db.hget(f"lingua:v1:node:{recorded}:pools", pair)
            if pool and self.db.sismember(f"lingua:v1:pool:{pair}:{pool}:nodes", str(recorded)):
                return str(recorded)
        pools = [f"lingua:v1:pool:{pair}:{pool}:nodes" for pool in range(1000)]
        members, found = [], []
        for base in range(0, 1000, 50):
            if not self.db.exists(*pools[base : base + 50]):
                break
            members += self.db.sunion(pools[base : base + 50])
        for part in (members[base : base + 10] for base in range(0, len(members), 10)):
            alive = self.db.pipeline(transaction=False)
            for node in part:
                alive.exists(f"lingua:v1:node:{node}")
            found += [node for node, there in zip(part, alive.execute(), strict=True) if there]
        node = random.choice(found) if found else None
        if node and job_id:
            self.db.set(f"lingua:v1:job:{job_id}:node", node, ex=3600)
        return node

    def finalize(self, ask: Ask) -> dict[str, Any]:
        """Under a lease of the session's, taken and given back on connections that differ as a rule."""
        lease, token = f"scheduler:lease:{ask.session}", uuid.uuid4().hex
        self.db.set(lease, token, nx=True, px=20_000)
        try:
            return self.batch(ask)
        finally:
            self.db.eval(RELEASE, 1, lease, token)

    def batch(self, ask: Ask) -> dict[str, Any]:
        session = f"scheduler:session:{ask.session}"
        turn = str(self.db.hget(session, "current_turn_id") or uuid.uuid4())
        jobs, nodes, written = new_jobs(ask), dict[str, str | None](), False
        try:
            for job, lang in self.order(jobs, ask.langs):
                nodes[job] = node = self.select(f"{ask.src}:{lang}", "" if ask.closing else job, turn)
                if node and not ask.closing and not written:
                    self.write(session, turn, node)
                    written = True
        finally:
            if ask.closing:
                self.clear(session, turn)
        return answer(turn, ask.langs, jobs, [nodes[job] for job in jobs])

    def order(self, jobs: list[str], langs: list[str]) -> list[tuple[str, str]]:
        """The jobs with their languages, as they are selected one after the other."""
        return list(zip(jobs, langs, strict=True))

    def write(self, session: str, turn: str, node: str) -> None:
        pipe = self.db.pipeline(transaction=True)
        pipe.hset(f"scheduler:turn:{turn}", "affinity_node_id", node)
        pipe.hset(session, "current_turn_id", turn).execute()

    def clear(self, session: str, turn: str) -> None:
        """The lease keeps the session: what was open at the start is open still."""
        pipe = self.db.pipeline(transaction=True)
        pipe.hdel(f"scheduler:turn:{turn}", "affinity_node_id").hdel(session, "current_turn_id").execute()


if __name__ == "__main__":
    serve(Pooled)
