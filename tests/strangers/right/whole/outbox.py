#!/usr/bin/env python3
"""Reading D1=reuse,D2=after,D3=after-first-job,D4=repair. Write and clear share their MULTI with an outbox of events.

Events go to a stream whose consumer group is this program's own thread: it acknowledges them and keeps totals in
hashes, a hyperloglog and a geo set, a moment after the finalize or in the middle of it.
"""

import random
import sys
import threading
import uuid
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
import redis
from stranger_lib import Ask, Stranger, answer, connect, new_jobs, serve

OUTBOX, GROUP = "scheduler:outbox", "totals"


class Outbox(Stranger):
    name = "outbox"
    ops = ("finalize", "select")

    def __init__(self, hello: dict[str, Any]) -> None:
        self.db = connect(hello["redis_url"])
        threading.Thread(target=self.consume, args=(connect(hello["redis_url"]),), daemon=True).start()

    def consume(self, mine: redis.Redis) -> None:
        """Read the outbox in a group, keep totals, acknowledge; the group is made again when the stream is gone."""
        me = uuid.uuid4().hex[:8]
        while True:
            try:
                for _, entries in mine.xreadgroup(GROUP, me, {OUTBOX: ">"}, count=20, block=500) or ():
                    for entry, event in entries:
                        mine.hincrby(f"lingua:v1:totals:{random.randrange(50)}", event["what"], 1)
                        mine.pfadd("lingua:v1:turns:seen", event["turn"])
                        mine.geoadd("lingua:v1:where", (13.4, 52.5, event["session"]))
                        mine.xack(OUTBOX, GROUP, entry)
            except redis.ResponseError:
                try:
                    mine.xgroup_create(OUTBOX, GROUP, id="0", mkstream=True)
                except redis.RedisError as problem:
                    print(problem, file=sys.stderr)
            except redis.RedisError as problem:
                print(problem, file=sys.stderr)

    def post(self, pipe: Any, ask: Ask, what: str, turn: str, node: str = "") -> None:
        event = {"what": what, "session": ask.session, "turn": turn, "node": node}
        pipe.xadd(OUTBOX, event, maxlen=300)

    def online(self, nodes: list[str]) -> list[str]:
        with self.db.pipeline(transaction=False) as pipe:
            for node in nodes:
                pipe.exists(f"lingua:v1:node:{node}")
            return [node for node, there in zip(nodes, pipe.execute(), strict=True) if there]

    def draw(self, pair: str) -> str | None:
        members: list[str] = []
        for base in range(0, 1000, 100):
            keys = [f"lingua:v1:pool:{pair}:{pool}:nodes" for pool in range(base, base + 100)]
            if not self.db.exists(*keys):
                break
            members += self.db.sunion(keys)
        alive = self.online(members)
        return random.choice(alive) if alive else None

    def recorded(self, turn: str) -> str:
        return str(self.db.hget(f"scheduler:turn:{turn}", "affinity_node_id") or "")

    def select(self, pair: str, job_id: str, turn_id: str) -> str | None:
        if job_id:
            bound = self.db.get(f"lingua:v1:job:{job_id}:node")
            if bound and self.online([str(bound)]):
                return str(bound)
        recorded = self.recorded(turn_id) if turn_id else ""
        if recorded and self.online([recorded]):
            pool = self.db.hget(f"lingua:v1:node:{recorded}:pools", pair)
            if pool and self.db.sismember(f"lingua:v1:pool:{pair}:{pool}:nodes", recorded):
                return recorded
        node = self.draw(pair)
        if node and job_id:
            self.db.set(f"lingua:v1:job:{job_id}:node", node, px=3_600_000)
        return node

    def finalize(self, ask: Ask) -> dict[str, Any]:
        session = f"scheduler:session:{ask.session}"
        turn = str(self.db.hget(session, "current_turn_id") or self.fresh(ask))
        jobs, nodes = new_jobs(ask), list[str | None]()
        try:
            for job, lang in zip(jobs, ask.langs, strict=True):
                node = self.select(f"{ask.src}:{lang}", "" if ask.closing else job, turn)
                if node and not any(nodes) and not ask.closing:
                    self.write(ask, session, turn, node)
                nodes.append(node)
        finally:
            if ask.closing:
                self.clear(ask, session, turn)
        return answer(turn, ask.langs, jobs, nodes)

    def fresh(self, ask: Ask) -> str:
        return str(uuid.uuid4())

    def write(self, ask: Ask, session: str, turn: str, node: str) -> None:
        """What is recorded stays while its node is online."""
        stands = self.recorded(turn)
        with self.db.pipeline(transaction=True) as pipe:
            pipe.hset(session, "current_turn_id", turn)
            if not (stands and self.online([stands])):
                pipe.hset(f"scheduler:turn:{turn}", "affinity_node_id", node)
            self.post(pipe, ask, "went on", turn, node)
            pipe.execute()

    def clear(self, ask: Ask, session: str, turn: str) -> None:
        with self.db.pipeline(transaction=True) as pipe:
            pipe.delete(f"scheduler:turn:{turn}").hdel(session, "current_turn_id")
            self.post(pipe, ask, "closed", turn)
            pipe.execute()


if __name__ == "__main__":
    serve(Outbox)
