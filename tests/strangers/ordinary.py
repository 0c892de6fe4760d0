"""What do the wrong adapters depart from? An ordinary scheduler: each breaks one of its steps."""

import contextlib
import random
import uuid
from typing import Any

import redis
from stranger_lib import Ask, Stranger, answer, connect, new_jobs

PRESETS = {
    "literal": {"D1": "mint", "D2": "before", "D3": "after-batch", "D4": "overwrite"},
    "intent": {"D1": "reuse", "D2": "before", "D3": "after-batch", "D4": "overwrite"},
    "continuous": {"D1": "reuse", "D2": "after", "D3": "after-first-job", "D4": "overwrite"},
}


def turn_key(turn: str) -> str:
    """The key of a turn."""
    return f"scheduler:turn:{turn}"


def session_key(session: str) -> str:
    """The key of a session."""
    return f"scheduler:session:{session}"


class Ordinary(Stranger):
    """The steps of a finalize, one method each, in plain commands and MULTI."""

    name = "ordinary"
    ops = ("finalize", "select")

    def __init__(self, hello: dict[str, Any]) -> None:
        self.db = connect(hello["redis_url"])
        self.choices = PRESETS.get(hello.get("reading") or "intent", PRESETS["intent"])

    # selection

    def online(self, node: str) -> bool:
        return bool(node) and bool(self.db.exists(f"lingua:v1:node:{node}"))

    def serves(self, node: str, pair: str) -> bool:
        return self.online(node) and bool(self.db.hexists(f"lingua:v1:node:{node}:pools", pair))

    def candidates(self, pair: str) -> list[str]:
        members = self.db.sunion([f"lingua:v1:pool:{pair}:{pool}:nodes" for pool in range(50)])
        return sorted(node for node in members if self.online(node))

    def draw(self, found: list[str]) -> str:
        return random.choice(found)

    def recorded(self, turn: str) -> str:
        return str(self.db.hget(turn_key(turn), "affinity_node_id") or "") if turn else ""

    def select(self, pair: str, job_id: str, turn_id: str) -> str | None:
        if job_id:
            bound = str(self.db.get(f"lingua:v1:job:{job_id}:node") or "")
            if self.online(bound):
                return bound
        recorded = self.recorded(turn_id)
        if recorded and self.serves(recorded, pair):
            return recorded
        found = self.candidates(pair)
        if not found:
            return None
        node = self.draw(found)
        if job_id:
            self.db.set(f"lingua:v1:job:{job_id}:node", node, ex=3600)
        return node

    # finalize

    def open_turn(self, session: str) -> str:
        return str(self.db.hget(session_key(session), "current_turn_id") or "")

    def mint(self, ask: Ask) -> str:
        return str(uuid.uuid4())

    def bind(self, ask: Ask) -> bool:
        return not ask.closing

    def pick(self, ask: Ask, index: int, job: str, turn: str) -> str | None:
        return self.select(f"{ask.src}:{ask.langs[index]}", job if self.bind(ask) else "", turn)

    def write(self, session: str, turn: str, node: str) -> None:
        with self.db.pipeline() as pipe:
            pipe.hset(turn_key(turn), "affinity_node_id", node)
            pipe.hset(session_key(session), "current_turn_id", turn).execute()

    def to_record(self, nodes: list[str | None]) -> str | None:
        return next((node for node in nodes if node), None)

    def clear(self, session: str) -> None:
        turn = self.open_turn(session)
        if turn:
            with self.db.pipeline() as pipe:
                pipe.hdel(turn_key(turn), "affinity_node_id")
                pipe.hdel(session_key(session), "current_turn_id").execute()

    def fallback(self, session: str) -> None:
        self.clear(session)

    def batch(self, ask: Ask, jobs: list[str], turn: str) -> list[str | None]:
        nodes: list[str | None] = []
        early = self.choices["D3"] == "after-first-job"
        for index, job in enumerate(jobs):
            nodes.append(self.pick(ask, index, job, turn))
            if early and not ask.closing and nodes[-1] and not any(nodes[:-1]):
                self.write(ask.session, turn, str(nodes[-1]))
        if not early and not ask.closing and (first := self.to_record(nodes)):
            self.write(ask.session, turn, first)
        return nodes

    def finalize(self, ask: Ask) -> dict[str, Any]:
        return self.close(ask) if ask.closing else self.go_on(ask)

    def go_on(self, ask: Ask) -> dict[str, Any]:
        reuse = self.choices["D1"] == "reuse"
        turn = (self.open_turn(ask.session) if reuse else "") or self.mint(ask)
        jobs = new_jobs(ask)
        return answer(turn, ask.langs, jobs, self.batch(ask, jobs, turn))

    def clear_first(self, ask: Ask) -> None:
        with contextlib.suppress(redis.RedisError):  # the fallback repairs it
            self.clear(ask.session)

    def close(self, ask: Ask) -> dict[str, Any]:
        if self.choices["D2"] == "before":
            self.clear_first(ask)
            turn = self.mint(ask)
        else:
            turn = self.open_turn(ask.session) or self.mint(ask)
        jobs = new_jobs(ask)
        try:
            nodes = self.batch(ask, jobs, turn)
        finally:
            self.fallback(ask.session)
        return answer(turn, ask.langs, jobs, nodes)
