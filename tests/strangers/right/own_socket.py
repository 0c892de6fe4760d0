#!/usr/bin/env python3
"""Reading continuous. A RESP3 client of its own; affinity is judged in Python, the random choice in a script."""

import random
import socket
import sys
import uuid
from pathlib import Path
from typing import IO, Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from stranger_lib import Ask, Broken, Stranger, address, answer, new_jobs, serve

CHOICE = """
local alive = {}
local id, missed = 0, 0
while missed < 45 and id < 1000 do
  local members = redis.call('SMEMBERS', 'lingua:v1:pool:' .. ARGV[1] .. ':' .. id .. ':nodes')
  missed = #members == 0 and missed + 1 or 0
  for _, node in ipairs(members) do
    if redis.call('EXISTS', 'lingua:v1:node:' .. node) == 1 then alive[#alive + 1] = node end
  end
  id = id + 1
end
if #alive == 0 then return nil end
return alive[tonumber(ARGV[2]) % #alive + 1]
"""


class Wire:
    """One connection, RESP3; replies as texts, numbers, lists, dicts and None."""

    def __init__(self, url: str) -> None:
        where = address(url)
        if where.path:
            self.sock = socket.socket(socket.AF_UNIX)
            self.sock.connect(where.path)
        else:
            self.sock = socket.create_connection((where.host, where.port))
        self.file: IO[bytes] = self.sock.makefile("rb")
        login = ["AUTH", where.user or "default", where.password] if where.password else []
        self.ask("HELLO", "3", *login)
        self.ask("SELECT", str(where.db))

    def ask(self, *words: str) -> Any:
        parts = [word.encode("utf-8", "surrogateescape") for word in words]
        head = b"*%d\r\n" % len(parts)
        self.sock.sendall(head + b"".join(b"$%d\r\n%s\r\n" % (len(part), part) for part in parts))
        reply = self.read()
        if isinstance(reply, Broken):
            raise reply
        return reply

    def read(self) -> Any:
        line = self.file.readline()
        if not line:
            raise Broken("connection closed")
        kind, rest = line[:1], line[1:-2]
        if kind in b"$=":
            return None if rest == b"-1" else self.file.read(int(rest) + 2)[:-2].decode("utf-8", "surrogateescape")
        if kind in b"*~>":
            return None if rest == b"-1" else [self.read() for _ in range(int(rest))]
        if kind == b"%":
            return {self.read(): self.read() for _ in range(int(rest))}
        if kind == b":":
            return int(rest)
        if kind == b"_":
            return None
        if kind in b"-!":
            return Broken(rest.decode())
        return rest.decode()


class OwnSocket(Stranger):
    name = "own-socket"
    ops = ("finalize", "select")

    def __init__(self, hello: dict[str, Any]) -> None:
        self.url = hello["redis_url"]
        self.wire = Wire(self.url)

    def do(self, *words: str) -> Any:
        try:
            return self.wire.ask(*words)
        except (OSError, Broken) as problem:
            if isinstance(problem, OSError) or "connection closed" in str(problem):
                self.wire = Wire(self.url)
            raise Broken(str(problem)) from problem

    def select(self, pair: str, job_id: str, turn_id: str) -> str | None:
        recorded = self.do("HGET", f"scheduler:turn:{turn_id}", "affinity_node_id") if turn_id else None
        return self.pick(pair, job_id, recorded)

    def pick(self, pair: str, job: str, recorded: str | None) -> str | None:
        if job:
            bound = self.do("GET", f"lingua:v1:job:{job}:node")
            if bound and self.do("EXISTS", f"lingua:v1:node:{bound}"):
                return str(bound)
        if recorded and self.do("EXISTS", f"lingua:v1:node:{recorded}"):
            pool = self.do("HGET", f"lingua:v1:node:{recorded}:pools", pair)
            if pool is not None and self.do("SISMEMBER", f"lingua:v1:pool:{pair}:{pool}:nodes", recorded):
                return recorded
        node = self.do("EVAL", CHOICE, "0", pair, str(random.getrandbits(40)))
        if node and job:
            self.do("SET", f"lingua:v1:job:{job}:node", node, "PX", "3600000")
        return None if node is None else str(node)

    def finalize(self, ask: Ask) -> dict[str, Any]:
        session = f"scheduler:session:{ask.session}"
        open_turn = self.do("HGET", session, "current_turn_id")
        turn, jobs, nodes = open_turn or str(uuid.uuid4()), new_jobs(ask), []
        known = bool(open_turn)
        try:
            for job, lang in zip(jobs, ask.langs, strict=True):
                pair = f"{ask.src}:{lang}"
                recorded = self.do("HGET", f"scheduler:turn:{turn}", "affinity_node_id") if known else None
                node = self.pick(pair, "" if ask.closing else job, recorded)
                if node and not any(nodes) and not ask.closing:
                    self.write(session, turn, node)
                    known = True
                nodes.append(node)
        finally:
            if ask.closing:
                self.clear(session, turn)
        return answer(turn, ask.langs, jobs, nodes)

    def write(self, session: str, turn: str, node: str) -> None:
        self.together(
            ["HSET", f"scheduler:turn:{turn}", "affinity_node_id", node], ["HSET", session, "current_turn_id", turn]
        )

    def clear(self, session: str, turn: str) -> None:
        """The actor serialises its session, so that the turn read at the start is still the open one."""
        self.together(["HDEL", f"scheduler:turn:{turn}", "affinity_node_id"], ["HDEL", session, "current_turn_id"])

    def together(self, *commands: list[str]) -> None:
        """MULTI and EXEC around the commands; a refused one leaves no transaction open behind it."""
        self.do("MULTI")
        try:
            for command in commands:
                self.do(*command)
        except Broken:
            self.do("DISCARD")
            raise
        self.do("EXEC")


serve(OwnSocket)
