#!/usr/bin/env python3
"""Reading D1=mint,D2=after,D3=after-batch,D4=overwrite. HGETDEL takes the open turn out, else HGET, DEL and HDEL.

Whether the server has HGETDEL is asked once. A bitmap of sessions, a sorted set of latencies and fifty slots of a hash
with a TTL are kept by the way.
"""

import random
import sys
import time
import uuid
import zlib
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
import redis
from stranger_lib import Ask, Stranger, answer, connect, new_jobs, serve

POINTER = "current_turn_id"


class Hgetdel(Stranger):
    name = "hgetdel"
    ops = ("finalize", "select")

    def __init__(self, hello: dict[str, Any]) -> None:
        self.db = connect(hello["redis_url"])
        try:
            self.new = self.db.execute_command("COMMAND INFO", "hgetdel") != [None]
        except redis.RedisError:
            self.new = False

    def candidates(self, pair: str) -> list[str]:
        """From the pools' cards: each pool that has members is read by SRANDMEMBER with more than it holds."""
        found: list[str] = []
        for base in range(0, 1000, 48):
            keys = [f"lingua:v1:pool:{pair}:{pool}:nodes" for pool in range(base, min(base + 48, 1000))]
            with self.db.pipeline(transaction=False) as pipe:
                for key in keys:
                    pipe.scard(key)
                cards = pipe.execute()
            if not any(cards):
                break
            for key in (key for key, card in zip(keys, cards, strict=True) if card):
                found += self.db.srandmember(key, 1000)
        with self.db.pipeline(transaction=False) as pipe:
            for node in found:
                pipe.exists(f"lingua:v1:node:{node}")
            return [node for node, alive in zip(found, pipe.execute(), strict=True) if alive]

    def select(self, pair: str, job_id: str, turn_id: str) -> str | None:
        if job_id:
            bound = self.db.get(f"lingua:v1:job:{job_id}:node")
            if bound and self.db.exists(f"lingua:v1:node:{bound}"):
                return str(bound)
        found = self.candidates(pair)
        if turn_id:
            (recorded,) = self.db.hmget(f"scheduler:turn:{turn_id}", ["affinity_node_id"])
            if recorded in found:
                return str(recorded)
        node = random.choice(found) if found else None
        if node and job_id:
            self.db.set(f"lingua:v1:job:{job_id}:node", node, ex=3600)
        return node

    def binding(self, ask: Ask, job: str) -> str:
        return "" if ask.closing else job

    def finalize(self, ask: Ask) -> dict[str, Any]:
        begun, session = time.monotonic(), f"scheduler:session:{ask.session}"
        turn = str((self.db.hget(session, POINTER) if ask.closing else None) or uuid.uuid4())
        jobs = new_jobs(ask)
        try:
            nodes = [
                self.select(f"{ask.src}:{lang}", self.binding(ask, job), turn)
                for job, lang in zip(jobs, ask.langs, strict=True)
            ]
        finally:
            if ask.closing:
                self.clear(session)
        if not ask.closing and any(nodes):
            with self.db.pipeline(transaction=True) as pipe:
                pipe.hset(f"scheduler:turn:{turn}", "affinity_node_id", next(node for node in nodes if node))
                pipe.hset(session, POINTER, turn)
                pipe.execute()
        self.books(ask, time.monotonic() - begun)
        return answer(turn, ask.langs, jobs, nodes)

    def clear(self, session: str) -> None:
        if not self.new:
            turn = self.db.hget(session, POINTER)
            if turn:
                self.db.delete(f"scheduler:turn:{turn}")
                self.db.hdel(session, POINTER)
            return
        (turn,) = self.db.execute_command("HGETDEL", session, "FIELDS", 1, POINTER)
        if turn:
            self.db.execute_command("HGETDEL", f"scheduler:turn:{turn}", "FIELDS", 1, "affinity_node_id")

    def books(self, ask: Ask, seconds: float) -> None:
        slot = zlib.crc32(ask.session.encode()) % 50
        self.db.setbit("lingua:v1:seen:bits", slot, 1)
        self.db.zadd("lingua:v1:latency", {f"{ask.reason}:{slot}": seconds})
        self.db.hset("lingua:v1:slots", str(slot), ask.call_site)
        self.db.expire("lingua:v1:slots", 3600)


if __name__ == "__main__":
    serve(Hgetdel)
