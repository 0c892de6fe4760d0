#!/usr/bin/env python3
"""Reading intent. One connection carries every session's commands and, between them, a thread's beats and counters."""

import itertools
import random
import sys
import threading
import uuid
from collections import deque
from concurrent.futures import Future
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from stranger_lib import Ask, Broken, Stranger, address, answer, dial, new_jobs, packed, serve, unpacked


class Line:
    """One socket for everybody: what is handed over together stays together, replies come in the order of requests."""

    def __init__(self, url: str) -> None:
        where = address(url)
        self.sock = dial(where)
        self.lock, self.waiting, self.down = threading.Lock(), deque[Future[Any]](), False
        threading.Thread(target=self.listen, daemon=True).start()
        if where.password:
            self.send(["AUTH", where.user or "default", where.password])
        self.send(["SELECT", str(where.db)])

    def send(self, *commands: list[str]) -> list[Future[Any]]:
        futures: list[Future[Any]] = [Future() for _ in commands]
        with self.lock:
            self.waiting.extend(futures)
            self.sock.sendall(b"".join(map(packed, commands)))
        return futures

    def listen(self) -> None:
        file = self.sock.makefile("rb")
        try:
            while True:
                reply = unpacked(file)
                self.waiting.popleft().set_result(reply)
        except (OSError, EOFError):
            self.down = True
            while self.waiting:
                self.waiting.popleft().set_result(Broken("connection lost"))


class Multiplexed(Stranger):
    name = "multiplexed"
    ops = ("finalize", "select")

    def __init__(self, hello: dict[str, Any]) -> None:
        self.url = hello["redis_url"]
        self.line, self.wake = Line(self.url), threading.Event()
        threading.Thread(target=self.others, daemon=True).start()

    def others(self) -> None:
        """Somebody else's commands on the same connection: soon after each of ours, and now and then at leisure."""
        me = uuid.uuid4().hex
        for turn in itertools.count():
            self.wake.wait(0.25)
            self.wake.clear()
            try:
                self.line.send(["INCR", f"lingua:v1:metrics:commands:{turn % 50}"])
                self.line.send(["HSET", f"lingua:v1:scheduler:{me}", "beat", str(turn), "state", "serving"])
                self.line.send(["EXPIRE", f"lingua:v1:scheduler:{me}", "30"], ["PUBLISH", "lingua:v1:beats", me])
            except OSError:
                continue

    def do(self, *commands: list[str]) -> list[Any]:
        if self.line.down:
            self.line = Line(self.url)
        try:
            futures = self.line.send(*commands)
        except OSError as problem:
            raise Broken(str(problem)) from problem
        self.wake.set()
        replies = [future.result(8) for future in futures]
        for reply in replies:
            if isinstance(reply, Broken):
                raise reply
        return replies

    def select(self, pair: str, job_id: str, turn_id: str) -> str | None:
        if job_id:
            (bound,) = self.do(["GET", f"lingua:v1:job:{job_id}:node"])
            if bound and self.do(["EXISTS", f"lingua:v1:node:{bound}"]) == [1]:
                return str(bound)
        recorded = self.do(["HGET", f"scheduler:turn:{turn_id}", "affinity_node_id"])[0] if turn_id else None
        if recorded:
            node = f"lingua:v1:node:{recorded}"
            if self.do(["EXISTS", node], ["HEXISTS", f"{node}:pools", pair]) == [1, 1]:
                return str(recorded)
        found: list[str] = []
        for base in range(0, 1000, 64):
            pools = [f"lingua:v1:pool:{pair}:{pool}:nodes" for pool in range(base, min(base + 64, 1000))]
            (members,) = self.do(["SUNION", *pools])
            if not members:
                break
            alive = self.do(*(["EXISTS", f"lingua:v1:node:{node}"] for node in members))
            found += itertools.compress(members, alive)
        if not found:
            return None
        node = random.choice(found)
        if job_id:
            self.do(["SET", f"lingua:v1:job:{job_id}:node", node, "EX", "3600"])
        return node

    def finalize(self, ask: Ask) -> dict[str, Any]:
        session, jobs = f"scheduler:session:{ask.session}", new_jobs(ask)
        failed: Broken | None = None
        turn = str(uuid.uuid4())
        if ask.closing:
            try:
                self.clear(session)
            except Broken as problem:
                failed = problem
        else:
            turn = self.do(["HGET", session, "current_turn_id"])[0] or turn
        try:
            bind = ["" if ask.closing else job for job in jobs]
            nodes = [self.select(f"{ask.src}:{lang}", job, turn) for job, lang in zip(bind, ask.langs, strict=True)]
        finally:
            if failed:
                self.clear(session)
        first = next(filter(None, nodes), None)
        if first and not ask.closing:
            writes = (
                ["HSET", f"scheduler:turn:{turn}", "affinity_node_id", first],
                ["HSET", session, "current_turn_id", turn],
            )
            self.do(["MULTI"], *writes, ["EXEC"])
        return answer(turn, ask.langs, jobs, nodes)

    def clear(self, session: str) -> None:
        (turn,) = self.do(["HGET", session, "current_turn_id"])
        if turn:
            halves = (["HDEL", f"scheduler:turn:{turn}", "affinity_node_id"], ["HDEL", session, "current_turn_id"])
            self.do(["MULTI"], *halves, ["EXEC"])


if __name__ == "__main__":
    serve(Multiplexed)
