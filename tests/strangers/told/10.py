# WRONG: A node counts as online only if its hash also has no status or the status online, so the affinity node is left (and candidates are passed over) when it says e.g. draining or busy (TA-SEL-1).
"""Layers: Keys (names), Fleet (nodes), Turns (state), Scheduler (what a finalize does), Wire (the protocol)."""

from __future__ import annotations

import enum
import json
import random
import sys
import uuid
from collections.abc import Iterable

import redis


class Reason(enum.Enum):
    MANUAL = "manual"
    TIMEOUT = "timeout"
    MAX_DURATION = "max_duration"

    @property
    def ends_turn(self) -> bool:
        return self is not Reason.MAX_DURATION


class Rejected(Exception):
    pass


class NoNode(Exception):
    pass


class Keys:
    def __init__(self, layout: dict) -> None:
        self._layout = layout
        self.affinity = layout["affinity_field"]
        self.current = layout["current_turn_field"]
        self.job_ttl = layout["job_ttl_s"]

    def __call__(self, kind: str, **ids: object) -> str:
        return self._layout[kind].format(**ids)


class Fleet:
    """Who is there, and for what."""

    def __init__(self, db: redis.Redis, keys: Keys) -> None:
        self.db, self.keys = db, keys

    def available(self, nodes: Iterable[str]) -> list[str]:
        nodes = list(nodes)
        pipe = self.db.pipeline(transaction=False)
        for node in nodes:
            pipe.exists(self.keys("node", node_id=node))
            pipe.hget(self.keys("node", node_id=node), "status")
        answers = pipe.execute()
        return [
            node
            for node, there, status in zip(nodes, answers[::2], answers[1::2])
            if there and status in (None, "online")
        ]

    def serves(self, node: str, pair: str) -> bool:
        return self.db.hexists(self.keys("node_pools", node_id=node), pair)

    def any_for(self, pair: str) -> str | None:
        pool_ids = range(1000)
        listed: set[str] = set()
        for start in pool_ids[::80]:
            pipe = self.db.pipeline(transaction=False)
            for pool_id in pool_ids[start : start + 80]:
                pipe.smembers(self.keys("pool", pair=pair, pool_id=pool_id))
            window = set().union(*pipe.execute())
            if not window:
                break
            listed |= window
        there = self.available(listed)
        return random.choice(there) if there else None

    def bound(self, job_id: str) -> str | None:
        node = self.db.get(self.keys("job", job_id=job_id))
        if node is None or self.available([node]):
            return node
        self.db.delete(self.keys("job", job_id=job_id))
        return None

    def bind(self, job_id: str, node: str) -> None:
        self.db.set(self.keys("job", job_id=job_id), node, ex=self.keys.job_ttl)


class Turns:
    def __init__(self, db: redis.Redis, keys: Keys) -> None:
        self.db, self.keys = db, keys

    def open_turn(self, session_id: str) -> str | None:
        return self.db.hget(self.keys("session", session_id=session_id), self.keys.current) or None

    def node(self, turn_id: str) -> str | None:
        return self.db.hget(self.keys("turn", turn_id=turn_id), self.keys.affinity) or None

    def hold(self, session_id: str, turn_id: str, node: str) -> None:
        def both(pipe: redis.client.Pipeline) -> None:
            pipe.multi()
            pipe.hset(self.keys("session", session_id=session_id), self.keys.current, turn_id)
            pipe.hset(self.keys("turn", turn_id=turn_id), self.keys.affinity, node)

        self.db.transaction(both)

    def end(self, session_id: str) -> None:
        session_key = self.keys("session", session_id=session_id)

        def both(pipe: redis.client.Pipeline) -> None:
            turn_id = pipe.hget(session_key, self.keys.current)
            pipe.multi()
            if turn_id:
                pipe.hdel(self.keys("turn", turn_id=turn_id), self.keys.affinity)
                pipe.hdel(session_key, self.keys.current)

        self.db.transaction(both, session_key)


class Scheduler:
    def __init__(self, url: str, layout: dict) -> None:
        self.db = redis.Redis.from_url(url, decode_responses=True, encoding_errors="surrogateescape")
        keys = Keys(layout)
        self.fleet, self.turns = Fleet(self.db, keys), Turns(self.db, keys)

    def select(self, pair: str, job_id: str | None, turn_id: str | None) -> str | None:
        if job_id and (node := self.fleet.bound(job_id)):
            return node
        if turn_id and (node := self.turns.node(turn_id)):
            if self.fleet.available([node]) and self.fleet.serves(node, pair):
                return node
        node = self.fleet.any_for(pair)
        if node and job_id:
            self.fleet.bind(job_id, node)
        return node

    def batch(self, reason: Reason, turn_id: str, src: str, targets: list[str]) -> list[dict]:
        jobs = []
        for target in targets:
            job_id = str(uuid.uuid4())
            node = self.select(f"{src}:{target}", None if reason.ends_turn else job_id, turn_id)
            jobs.append({"job_id": job_id, "tgt_lang": target, "node_id": node})
        return jobs

    def finalize(self, session_id: str, reason: Reason, src: str, targets: list[str]) -> tuple[str, list[dict]]:
        if reason.ends_turn:
            turn_id, jobs = self.close(session_id, reason, src, targets)
        else:
            turn_id = self.turns.open_turn(session_id) or str(uuid.uuid4())
            jobs = self.batch(reason, turn_id, src, targets)
        nodes = [job["node_id"] for job in jobs if job["node_id"]]
        if not nodes:
            raise NoNode(f"nobody for {src}")
        if not reason.ends_turn:
            self.turns.hold(session_id, turn_id, nodes[0])
        return turn_id, jobs

    def close(self, session_id: str, reason: Reason, src: str, targets: list[str]) -> tuple[str, list[dict]]:
        try:
            self.turns.end(session_id)
        except redis.RedisError as error:
            print(f"first clear of {session_id}: {error}", file=sys.stderr)
            self.db.connection_pool.disconnect()
        turn_id = str(uuid.uuid4())
        try:
            return turn_id, self.batch(reason, turn_id, src, targets)
        finally:
            self.turns.end(session_id)


class Wire:
    scheduler: Scheduler | None = None

    def hello(self, m: dict) -> dict:
        self.scheduler = Scheduler(m["redis_url"], m["layout"])
        return {"name": "layers", "version": "4.2", "language": "python", "ops": ["finalize", "select"]}

    def bye(self, m: dict) -> dict:
        return {}

    def finalize(self, m: dict) -> dict:
        if self.scheduler is None:
            raise Rejected("hello first")
        try:
            reason = Reason(m.get("reason"))
        except ValueError as error:
            raise Rejected(str(error)) from None
        session_id = m.get("session_id")
        if not isinstance(session_id, str) or not session_id:
            raise Rejected("session_id")
        targets = list(dict.fromkeys(m.get("room_langs") or [m.get("tgt_lang")]))
        for tag in (m.get("src_lang"), *targets):
            if not isinstance(tag, str) or not tag or ":" in tag:
                raise Rejected(f"language {tag!r}")
        turn_id, jobs = self.scheduler.finalize(session_id, reason, m["src_lang"], targets)
        return {"turn_id": turn_id, "jobs": jobs}

    def select(self, m: dict) -> dict:
        if self.scheduler is None:
            raise Rejected("hello first")
        if not isinstance(m.get("pair"), str):
            raise Rejected("pair")
        return {"node_id": self.scheduler.select(m["pair"], m.get("job_id"), m.get("turn_id"))}

    def answer(self, m: dict) -> dict:
        if m.get("v", 1) != 1:
            return {"error": {"code": "bad_request", "message": "unknown v", "supported": [1]}}
        if m.get("op") not in ("hello", "bye", "finalize", "select"):
            return {"error": {"code": "unsupported", "message": f"{m.get('op')!r}"}}
        try:
            return {"ok": getattr(self, m["op"])(m)}
        except Exception as error:
            codes = {Rejected: "bad_request", NoNode: "no_node", redis.RedisError: "redis", Exception: "internal"}
            code = next(code for kind, code in codes.items() if isinstance(error, kind))
            return {"error": {"code": code, "message": str(error)}}


def main() -> None:
    wire = Wire()
    for line in sys.stdin:
        try:
            m = json.loads(line)
            answer = wire.answer(m)
        except ValueError as error:
            m, answer = {}, {"error": {"code": "bad_request", "message": str(error)}}
        print(json.dumps({"id": m.get("id"), **answer}), flush=True)
        if m.get("op") == "bye":
            break


if __name__ == "__main__":
    main()
