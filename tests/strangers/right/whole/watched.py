#!/usr/bin/env python3
"""Reading intent. WATCH and MULTI round everything that writes: read, decide, EXEC; again if somebody was faster.

What goes with a write goes into the same MULTI: a version of the session kept beside it, an event, a gauge of fifty.
"""

import random
import sys
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
import redis
from stranger_lib import Ask, Stranger, answer, connect, new_jobs, serve


class Watched(Stranger):
    name = "watched"
    ops = ("finalize", "select")

    def __init__(self, hello: dict[str, Any]) -> None:
        self.db = connect(hello["redis_url"])

    def together(self, watched: list[str], decide: Callable[[Any], bool]) -> None:
        """Watch, read, queue and execute, until nobody came between; `decide` queues after MULTI, or says no."""
        with self.db.pipeline() as pipe:
            while True:
                try:
                    pipe.watch(*watched)
                    if decide(pipe):
                        pipe.execute()
                    return
                except redis.WatchError:
                    self.db.incr("lingua:v1:retries")

    def beside(self, pipe: Any, ask: Ask, what: str, node: str) -> None:
        """Our own books, in the same transaction."""
        pipe.incr(f"scheduler:versions:{ask.session}")
        pipe.expire(f"scheduler:versions:{ask.session}", 900)
        pipe.xadd("lingua:v1:events", {"what": what, "node": node, "reason": ask.reason}, maxlen=200)
        pipe.incrby(f"lingua:v1:gauge:{random.randrange(50)}", len(ask.langs))

    def online(self, node: Any) -> bool:
        return bool(node) and self.db.exists(f"lingua:v1:node:{node}") == 1

    def pools(self, pair: str) -> list[str]:
        """The pools that there are, past gaps of up to forty-nine ids."""
        found: list[str] = []
        for base in range(0, 1000, 50):
            keys = [f"lingua:v1:pool:{pair}:{pool}:nodes" for pool in range(base, base + 50)]
            if not self.db.exists(*keys):
                break
            found += keys
        return found

    def select(self, pair: str, job_id: str, turn_id: str) -> str | None:
        binding = f"lingua:v1:job:{job_id}:node"
        if job_id and self.online(bound := self.db.get(binding)):
            return str(bound)
        if turn_id:
            recorded = self.db.hget(f"scheduler:turn:{turn_id}", "affinity_node_id")
            if self.online(recorded):
                pool = self.db.hget(f"lingua:v1:node:{recorded}:pools", pair)
                if pool is not None and self.db.sismember(f"lingua:v1:pool:{pair}:{pool}:nodes", str(recorded)):
                    return str(recorded)
        pools = self.pools(pair)
        found = [node for node in (self.db.sunion(pools) if pools else ()) if self.online(node)]
        if not found:
            return None
        node = random.SystemRandom().choice(found)

        def bind(pipe: Any) -> bool:
            pipe.multi()
            pipe.set(binding, node, ex=3600)
            return True

        if job_id:
            self.together([binding], bind)
        return str(node)

    def finalize(self, ask: Ask) -> dict[str, Any]:
        session, jobs, turn = f"scheduler:session:{ask.session}", new_jobs(ask), str(uuid.uuid4())
        trouble: redis.RedisError | None = None
        if ask.closing:
            try:
                self.clear(ask, session)
            except redis.RedisError as problem:
                trouble = problem
        else:
            turn = str(self.db.hget(session, "current_turn_id") or turn)
        try:
            bind = ["" if ask.closing else job for job in jobs]
            nodes = [self.select(f"{ask.src}:{lang}", job, turn) for job, lang in zip(bind, ask.langs, strict=True)]
        finally:
            if trouble:
                self.clear(ask, session)
        first = next((node for node in nodes if node), None)
        if first and not ask.closing:
            self.write(ask, session, turn, first)
        if trouble:
            raise trouble
        return answer(turn, ask.langs, jobs, nodes)

    def write(self, ask: Ask, session: str, turn: str, node: str) -> None:
        def both(pipe: Any) -> bool:
            pipe.multi()
            pipe.hset(f"scheduler:turn:{turn}", "affinity_node_id", node).hset(session, "current_turn_id", turn)
            self.beside(pipe, ask, "went on", node)
            return True

        self.together([session, f"scheduler:turn:{turn}"], both)

    def clear(self, ask: Ask, session: str) -> None:
        def both(pipe: Any) -> bool:
            turn = pipe.hget(session, "current_turn_id")
            if not turn:
                return False
            node = pipe.hget(f"scheduler:turn:{turn}", "affinity_node_id") or "nowhere"  # for the event, nothing else
            pipe.multi()
            pipe.hdel(f"scheduler:turn:{turn}", "affinity_node_id").hdel(session, "current_turn_id")
            self.beside(pipe, ask, "closed", node)
            return True

        self.together([session], both)


if __name__ == "__main__":
    serve(Watched)
