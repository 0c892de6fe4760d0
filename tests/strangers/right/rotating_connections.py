#!/usr/bin/env python3
"""Reading D1=reuse,D2=after,D3=after-batch,D4=repair. Each command on the next of three connections; pointer first."""

import itertools
import random
import sys
import uuid
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from stranger_lib import Ask, Stranger, answer, connect, new_jobs, serve


class Rotating(Stranger):
    name = "rotating-connections"
    ops = ("finalize", "select")

    def __init__(self, hello: dict[str, Any]) -> None:
        self.ring = itertools.cycle(connect(hello["redis_url"], single_connection_client=True) for _ in range(3))

    def do(self, *command: str) -> Any:
        return next(self.ring).execute_command(*command)

    def candidates(self, pair: str) -> list[str]:
        found: list[str] = []
        pools = (self.do("SMEMBERS", f"lingua:v1:pool:{pair}:{pool}:nodes") for pool in itertools.count())
        for members in itertools.takewhile(bool, pools):
            found += [node for node in members if self.online(node)]
        return found

    def online(self, node: str) -> bool:
        return bool(node) and self.do("EXISTS", f"lingua:v1:node:{node}") == 1

    def select(self, pair: str, job_id: str, turn_id: str) -> str | None:
        if job_id and self.online(bound := self.do("GET", f"lingua:v1:job:{job_id}:node") or ""):
            return str(bound)
        if turn_id:
            (recorded,) = self.do("HMGET", f"scheduler:turn:{turn_id}", "affinity_node_id")
            pool = recorded and self.do("HGET", f"lingua:v1:node:{recorded}:pools", pair)
            if pool and self.online(recorded):
                return str(recorded)
        found = self.candidates(pair)
        if not found:
            return None
        node = found[random.SystemRandom().randrange(len(found))]
        if job_id:
            self.do("SET", f"lingua:v1:job:{job_id}:node", node, "EX", "3600")
        return node

    def clear(self, session: str) -> None:
        turn = self.do("HGET", session, "current_turn_id")
        if turn is None:
            return
        if turn:
            self.do("HDEL", f"scheduler:turn:{turn}", "affinity_node_id")
        self.do("HDEL", session, "current_turn_id")

    def finalize(self, ask: Ask) -> dict[str, Any]:
        session = f"scheduler:session:{ask.session}"
        turn = self.do("HGET", session, "current_turn_id") or str(uuid.uuid4())
        jobs = new_jobs(ask)
        try:
            nodes = [
                self.select(f"{ask.src}:{lang}", "" if ask.closing else job, turn)
                for job, lang in zip(jobs, ask.langs, strict=True)
            ]
        finally:
            if ask.closing:
                self.clear(session)
        if not ask.closing and any(nodes):
            self.write(session, turn, next(node for node in nodes if node))
        return answer(turn, ask.langs, jobs, nodes)

    def write(self, session: str, turn: str, node: str) -> None:
        self.do("HSET", session, "current_turn_id", turn)
        stands = self.do("HGET", f"scheduler:turn:{turn}", "affinity_node_id")
        if not self.online(stands or ""):
            self.do("HSET", f"scheduler:turn:{turn}", "affinity_node_id", node)


serve(Rotating)
