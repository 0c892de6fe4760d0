#!/usr/bin/env python3
"""Reading D1=reuse,D2=before,D3=after-first-job,D4=write-once. RESP3; pools are kept while the server vouches for them.

CLIENT TRACKING: a pool set is asked for once and kept until the server's push says that it changed. What decides about
a turn is never kept, and neither is whether a node is online.
"""

import random
import sys
import uuid
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from stranger_lib import Ask, Broken, Push, Stranger, address, answer, dial, new_jobs, packed, serve, unpacked


class Tracked:
    """One RESP3 connection and the sets it has seen."""

    def __init__(self, url: str) -> None:
        where = address(url)
        self.sock = dial(where)
        self.file = self.sock.makefile("rb")
        self.kept: dict[str, set[str]] = {}
        self.name = f"scheduler-{uuid.uuid4().hex[:8]}"
        login = ["AUTH", where.user or "default", where.password] if where.password else []
        self.ask("HELLO", "3", *login, "SETNAME", self.name)
        self.ask("SELECT", str(where.db))
        self.ask("CLIENT", "TRACKING", "ON", "OPTIN")

    def ask(self, *words: str) -> Any:
        return self.all(list(words))[0]

    def all(self, *commands: list[str]) -> list[Any]:
        self.sock.sendall(b"".join(map(packed, commands)))
        replies: list[Any] = []
        while len(replies) < len(commands):
            reply = unpacked(self.file)
            if isinstance(reply, Push):
                self.heed(reply)
            else:
                replies.append(reply)
        for reply in replies:
            if isinstance(reply, Broken):
                raise reply
        return replies

    def heed(self, push: Push) -> None:
        """An invalidation names keys, or none where all are to be forgotten."""
        if push[0] == "invalidate":
            for key in self.kept.copy() if push[1] is None else push[1]:
                self.kept.pop(key, None)

    def members(self, keys: list[str]) -> list[set[str]]:
        """Sets by key; those not kept are asked for. PING brings in what the server has to say before we believe."""
        self.ask("PING", self.name)
        missing = [key for key in keys if key not in self.kept]
        commands = [part for key in missing for part in (["CLIENT", "CACHING", "YES"], ["SMEMBERS", key])]
        found = [set(reply) for reply in self.all(*commands)[1::2]] if commands else []
        self.kept.update(zip(missing, found, strict=True))
        known = dict(zip(missing, found, strict=True)) | self.kept
        return [known[key] for key in keys]


class Resp3Tracking(Stranger):
    name = "resp3-tracking"
    ops = ("finalize", "select")

    def __init__(self, hello: dict[str, Any]) -> None:
        self.url = hello["redis_url"]
        self.wire = Tracked(self.url)

    def do(self, *words: str) -> Any:
        try:
            return self.wire.ask(*words)
        except (OSError, EOFError) as problem:
            self.wire = Tracked(self.url)
            raise Broken(str(problem)) from problem

    def pool_keys(self, pair: str) -> list[str]:
        return [f"lingua:v1:pool:{pair}:{pool}:nodes" for pool in range(1000)]

    def candidates(self, pair: str) -> list[str]:
        found: set[str] = set()
        keys = self.pool_keys(pair)
        for base in range(0, 1000, 45):
            some = self.wire.members(keys[base : base + 45])
            if not any(some):
                break
            found.update(*some)
        nodes = sorted(found)
        alive = self.wire.all(*(["EXISTS", f"lingua:v1:node:{node}"] for node in nodes)) if nodes else []
        return [node for node, there in zip(nodes, alive, strict=True) if there]

    def select(self, pair: str, job_id: str, turn_id: str) -> str | None:
        bound = self.do("GET", f"lingua:v1:job:{job_id}:node") if job_id else None
        if bound and self.do("EXISTS", f"lingua:v1:node:{bound}"):
            return str(bound)
        found = self.candidates(pair)
        recorded = self.do("HGET", f"scheduler:turn:{turn_id}", "affinity_node_id") if turn_id else None
        if recorded in found:
            return str(recorded)
        node = random.choice(found) if found else None
        if node and job_id:
            self.do("SET", f"lingua:v1:job:{job_id}:node", node, "EX", "3600")
        return node

    def finalize(self, ask: Ask) -> dict[str, Any]:
        session, failed = f"scheduler:session:{ask.session}", False
        self.do("HINCRBY", f"lingua:v1:worker:{self.wire.name}", ask.reason, "1")
        open_turn = self.do("HGET", session, "current_turn_id") if not ask.closing else None
        if ask.closing:
            failed = not self.cleared(session)
        turn, jobs, nodes = open_turn or str(uuid.uuid4()), new_jobs(ask), list[str | None]()
        try:
            for job, lang in zip(jobs, ask.langs, strict=True):
                node = self.select(f"{ask.src}:{lang}", "" if ask.closing else job, turn)
                if node and not any(nodes) and not ask.closing:
                    self.do("EVAL", WRITE, "2", f"scheduler:turn:{turn}", session, turn, node)
                nodes.append(node)
        finally:
            if failed and not self.cleared(session):
                raise Broken("the turn could not be closed")
        return answer(turn, ask.langs, jobs, nodes)

    def cleared(self, session: str) -> bool:
        try:
            self.do("EVAL", CLEAR, "1", session)
        except Broken:
            return False
        return True


WRITE = """
if redis.call('HEXISTS', KEYS[1], 'affinity_node_id') == 0 then
  redis.call('HSET', KEYS[1], 'affinity_node_id', ARGV[2])
end
return redis.call('HSET', KEYS[2], 'current_turn_id', ARGV[1])
"""
CLEAR = """
local turn = redis.call('HGET', KEYS[1], 'current_turn_id')
if not turn or turn == '' then return 0 end
redis.call('HDEL', 'scheduler:turn:' .. turn, 'affinity_node_id')
return redis.call('HDEL', KEYS[1], 'current_turn_id')
"""

if __name__ == "__main__":
    serve(Resp3Tracking)
