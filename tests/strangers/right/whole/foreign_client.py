#!/usr/bin/env python3
"""Reading D1=mint,D2=before,D3=after-first-job,D4=overwrite. As another language's client talks: lower case, HMGET, "".

Commands in lower case, every argument a text, integers too; several fields to an hset; "no turn" is the empty text from
end to end. The connection says who it is, and pings when it has been idle.
"""

import secrets
import sys
import time
import uuid
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from stranger_lib import Ask, Broken, Stranger, address, answer, dial, new_jobs, packed, serve, unpacked

CLEAR = """
local fields = redis.call('hmget', KEYS[1], 'current_turn_id', 'owner')
local turn = fields[1] or ''
if turn == '' then return '' end
redis.call('hdel', 'scheduler:turn:' .. turn, 'affinity_node_id', 'node', 'affinity')
redis.call('hdel', KEYS[1], 'current_turn_id')
return turn
"""


class Conn:
    """A connection whose every reply is a text, a list of texts or an error; nil is the empty text."""

    def __init__(self, url: str) -> None:
        where = address(url)
        self.sock = dial(where)
        self.file, self.idle_since = self.sock.makefile("rb"), time.monotonic()
        if where.password:
            self.call("auth", where.user or "default", where.password)
        self.call("select", str(where.db))
        self.call("client", "setname", "lingua-scheduler-go")

    def call(self, *words: str) -> Any:
        if time.monotonic() - self.idle_since > 1:
            self.idle_since = time.monotonic()
            self.call("ping")
        self.idle_since = time.monotonic()
        self.sock.sendall(packed(words))
        reply = unpacked(self.file)
        if isinstance(reply, Broken):
            raise reply
        return [str(part or "") for part in reply] if isinstance(reply, list) else "" if reply is None else str(reply)


class ForeignClient(Stranger):
    name = "foreign-client"
    ops = ("finalize", "select")

    def __init__(self, hello: dict[str, Any]) -> None:
        self.url = hello["redis_url"]
        self.conn = Conn(self.url)

    def call(self, *words: str) -> Any:
        try:
            return self.conn.call(*words)
        except (OSError, EOFError) as problem:
            self.conn = Conn(self.url)
            raise Broken(str(problem)) from problem

    def alive(self, node: str) -> bool:
        return node != "" and self.call("exists", "lingua:v1:node:" + node) == "1"

    def pick(self, pair: str, job: str, turn: str) -> str:
        """A node id, or the empty text."""
        if job != "" and self.alive(bound := self.call("get", f"lingua:v1:job:{job}:node")):
            return str(bound)
        recorded = ""
        if turn != "":
            (recorded,) = self.call("hmget", "scheduler:turn:" + turn, "affinity_node_id")
        if self.alive(recorded) and self.call("hget", f"lingua:v1:node:{recorded}:pools", pair) != "":
            return recorded
        nodes: list[str] = []
        pool, gap = 0, 0
        while pool < 1000 and gap < 45:
            members = self.call("smembers", f"lingua:v1:pool:{pair}:{pool}:nodes")
            gap = 0 if members else gap + 1
            nodes += [node for node in members if self.alive(node)]
            pool += 1
        if not nodes:
            return ""
        node = nodes[secrets.randbelow(len(nodes))]
        if job != "":
            self.call("setex", f"lingua:v1:job:{job}:node", "3600", node)
        return node

    def select(self, pair: str, job_id: str, turn_id: str) -> str | None:
        return self.pick(pair, job_id, turn_id) or None

    def finalize(self, ask: Ask) -> dict[str, Any]:
        session, jobs, failed = "scheduler:session:" + ask.session, new_jobs(ask), ""
        if ask.closing:
            failed = self.clear(session)
        turn, written = str(uuid.uuid4()), False
        nodes: list[str] = []
        try:
            for job, lang in zip(jobs, ask.langs, strict=True):
                nodes.append(self.pick(f"{ask.src}:{lang}", "" if ask.closing else job, turn if written else ""))
                if nodes[-1] != "" and not ask.closing and not written:
                    self.write(session, turn, nodes[-1])
                    written = True
                stamp = str(int(time.time()))
                record = f"lingua:v1:jobs:{job[-2:]}"
                self.call("hset", record, "lang", lang, "reason", ask.reason, "at", stamp, "count", str(len(nodes)))
                self.call("expire", record, "600")
        finally:
            if failed != "" and self.clear(session) != "":
                raise Broken(failed)
        return answer(turn, ask.langs, jobs, [node or None for node in nodes])

    def write(self, session: str, turn: str, node: str) -> None:
        """One transaction; a refused command gives it up."""
        self.call("multi")
        try:
            self.call("hset", session, "current_turn_id", turn)
            self.call("hset", "scheduler:turn:" + turn, "affinity_node_id", node)
        except Broken:
            self.call("discard")
            raise
        self.call("exec")

    def clear(self, session: str) -> str:
        """The error's text, or none."""
        try:
            self.call("eval", CLEAR, "1", session)
        except Broken as problem:
            return str(problem) or "error"
        return ""


if __name__ == "__main__":
    serve(ForeignClient)
