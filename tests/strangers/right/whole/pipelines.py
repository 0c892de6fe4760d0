#!/usr/bin/env python3
"""Reading intent. Pipelines wherever possible: a finalize is three or four round trips, whatever its languages."""

import random
import sys
import time
import uuid
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
import redis
from stranger_lib import Ask, Stranger, answer, connect, new_jobs, serve

Command = tuple[str, ...]


class Pipelines(Stranger):
    name = "pipelines"
    ops = ("finalize", "select")

    def __init__(self, hello: dict[str, Any]) -> None:
        self.db = connect(hello["redis_url"])

    def trip(self, *commands: Command, atomic: bool = False) -> list[Any]:
        """One round trip, with a little bookkeeping of ours always on board; the first error after all is done."""
        second = int(time.time())
        beside: list[Command] = [
            ("ZADD", "lingua:v1:gauge:trips", str(second), f"trip-{second % 50}"),
            ("SETEX", f"lingua:v1:seen:{second % 50}", "60", str(len(commands))),
        ]
        pipe = self.db.pipeline(transaction=atomic)
        for command in (*commands, *beside):
            pipe.execute_command(*command)
        replies: list[Any] = pipe.execute(raise_on_error=False)[: len(commands)]
        for reply in replies:
            if isinstance(reply, redis.RedisError):
                raise reply
        return replies

    def candidates(self, pairs: list[str]) -> dict[str, list[str]]:
        """The nodes of each pair that are online: the pools of all in one trip, their nodes in the next."""
        members: dict[str, list[str]] = {pair: [] for pair in pairs}
        more, base = list(members), 0
        while more and base < 1000:
            ids = range(base, min(base + 60, 1000))
            sunions: list[Command] = [
                ("SUNION", *(f"lingua:v1:pool:{pair}:{pool}:nodes" for pool in ids)) for pair in more
            ]
            found = dict(zip(more, self.trip(*sunions), strict=True))
            for pair in found:
                members[pair] += found[pair]
            more, base = [pair for pair in more if found[pair]], base + 60
        nodes = sorted({node for of_pair in members.values() for node in of_pair})
        alive = dict(zip(nodes, self.trip(*(("EXISTS", f"lingua:v1:node:{node}") for node in nodes)), strict=True))
        return {pair: [node for node in of_pair if alive[node]] for pair, of_pair in members.items()}

    def recorded(self, turn: str) -> str:
        return str(self.trip(("HGET", f"scheduler:turn:{turn}", "affinity_node_id"))[0] or "") if turn else ""

    def select(self, pair: str, job_id: str, turn_id: str) -> str | None:
        if job_id:
            (bound,) = self.trip(("GET", f"lingua:v1:job:{job_id}:node"))
            if bound and self.trip(("EXISTS", f"lingua:v1:node:{bound}"))[0]:
                return str(bound)
        recorded, found = self.recorded(turn_id), self.candidates([pair])[pair]
        node = recorded if recorded in found else self.drawn(found)
        if node and job_id:
            self.trip(("SET", f"lingua:v1:job:{job_id}:node", node, "EX", "3600"))
        return node

    def finalize(self, ask: Ask) -> dict[str, Any]:
        return self.close(ask) if ask.closing else self.go_on(ask)

    def go_on(self, ask: Ask) -> dict[str, Any]:
        session, jobs = f"scheduler:session:{ask.session}", new_jobs(ask)
        (turn,) = self.trip(("HGET", session, "current_turn_id"))
        recorded = self.recorded(turn) if turn else ""
        turn = turn or str(uuid.uuid4())
        nodes = self.nodes(ask, recorded)
        writes: list[Command] = [
            ("SET", f"lingua:v1:job:{job}:node", node, "EX", "3600", "NX")
            for job, node in zip(jobs, nodes, strict=True)
            if node and node != recorded
        ]
        first = next(filter(None, nodes), None)
        if first:
            writes += [("HSET", f"scheduler:turn:{turn}", "affinity_node_id", first)]
            self.trip(*writes, ("HSET", session, "current_turn_id", turn), atomic=True)
        return answer(turn, ask.langs, jobs, nodes)

    def nodes(self, ask: Ask, recorded: str) -> list[str | None]:
        found = self.candidates([f"{ask.src}:{lang}" for lang in ask.langs])
        return [recorded if recorded in of_pair else self.drawn(of_pair) for of_pair in found.values()]

    def drawn(self, nodes: list[str]) -> str | None:
        return random.choice(nodes) if nodes else None

    def close(self, ask: Ask) -> dict[str, Any]:
        session, jobs, fresh = f"scheduler:session:{ask.session}", new_jobs(ask), str(uuid.uuid4())
        cleared = False
        try:
            self.clear(session)
            cleared = True
        except redis.RedisError as problem:
            print("the first clear failed:", problem, file=sys.stderr)
        try:
            nodes = self.nodes(ask, "")
        finally:
            if not cleared:
                self.clear(session)
        return answer(fresh, ask.langs, jobs, nodes)

    def clear(self, session: str) -> None:
        (turn,) = self.trip(("HGET", session, "current_turn_id"))
        if turn:
            halves = ("HDEL", f"scheduler:turn:{turn}", "affinity_node_id"), ("HDEL", session, "current_turn_id")
            self.trip(*halves, atomic=True)


if __name__ == "__main__":
    serve(Pipelines)
