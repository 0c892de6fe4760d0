#!/usr/bin/env python3
"""Reading D1=reuse,D2=after,D3=after-first-job,D4=write-once. Listens at the unix socket of its first argument.

Scratch keys of its own, deleted again; a job routed by affinity is bound too.
"""

import contextlib
import socket
import sys
import threading
import uuid
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from stranger_lib import Ask, Stranger, answer, connect, new_jobs, serve


class Listens(Stranger):
    name = "listens"
    ops = ("finalize", "select")

    def __init__(self, hello: dict[str, Any]) -> None:
        self.db = connect(hello["redis_url"])

    def draw(self, pair: str) -> str | None:
        scratch = f"stranger:scratch:{uuid.uuid4().hex}"
        pools = [f"lingua:v1:pool:{pair}:{pool}:nodes" for pool in range(1000)]
        try:
            self.db.sunionstore(scratch, pools)
            while node := self.db.spop(scratch):
                if self.db.exists(f"lingua:v1:node:{node}"):
                    return str(node)
            return None
        finally:
            self.db.delete(scratch)

    def select(self, pair: str, job_id: str, turn_id: str) -> str | None:
        node = self.bound(job_id) or self.recorded(pair, turn_id) or self.draw(pair)
        if node and job_id:
            self.db.set(f"lingua:v1:job:{job_id}:node", node, ex=3600)
        return node

    def bound(self, job: str) -> str | None:
        node = self.db.get(f"lingua:v1:job:{job}:node") if job else None
        return str(node) if node and self.db.exists(f"lingua:v1:node:{node}") else None

    def recorded(self, pair: str, turn: str) -> str | None:
        node = self.db.hget(f"scheduler:turn:{turn}", "affinity_node_id") if turn else None
        if not node or not self.db.exists(f"lingua:v1:node:{node}"):
            return None
        return str(node) if self.db.hexists(f"lingua:v1:node:{node}:pools", pair) else None

    def finalize(self, ask: Ask) -> dict[str, Any]:
        session = f"scheduler:session:{ask.session}"
        turn = str(self.db.hget(session, "current_turn_id") or uuid.uuid4())
        jobs, nodes = new_jobs(ask), []
        try:
            for job, lang in zip(jobs, ask.langs, strict=True):
                nodes.append(self.select(f"{ask.src}:{lang}", "" if ask.closing else job, turn))
                if not ask.closing and nodes[-1] and not any(nodes[:-1]):
                    with self.db.pipeline() as pipe:
                        pipe.hsetnx(f"scheduler:turn:{turn}", "affinity_node_id", nodes[-1])
                        pipe.hset(session, "current_turn_id", turn)
                        pipe.execute()
        finally:
            if ask.closing:
                with self.db.pipeline() as pipe:
                    pipe.hdel(f"scheduler:turn:{turn}", "affinity_node_id").hdel(session, "current_turn_id").execute()
        return answer(turn, ask.langs, jobs, nodes)


def main(path: str) -> None:
    """Listen until standard input ends: whoever started this process holds the other end."""
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path)
    listener.listen()
    threading.Thread(target=accept, args=(listener,), daemon=True).start()
    sys.stdin.read()
    Path(path).unlink()


def accept(listener: socket.socket) -> None:
    """Serve one connection after the other; a restart is a reconnect."""
    while True:
        connection, _ = listener.accept()
        with contextlib.suppress(OSError), connection:  # whoever lets go early is followed by the next
            serve(Listens, connection.makefile("r", encoding="utf-8"), connection.makefile("w", encoding="utf-8"))


main(sys.argv[1])
