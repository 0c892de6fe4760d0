# WRONG: The open turn of a session is cached in the process after a write, so a max_duration finalize goes on with the cached id though the session hash says another one or none by now (TA-KEY-2).
"""Three small objects: TurnStore keeps turns, NodeDirectory knows nodes, Dispatcher makes jobs."""

import json
import sys
from dataclasses import asdict, dataclass
from random import SystemRandom
from uuid import uuid4

import redis

rng = SystemRandom()


@dataclass
class Job:
    job_id: str
    tgt_lang: str
    node_id: str | None


class TurnStore:
    CLEAR = """
        local id = redis.call('HGET', KEYS[1], ARGV[1])
        if id and id ~= '' then
            redis.call('HDEL', (string.gsub(ARGV[3], '%%', function() return id end)), ARGV[2])
            redis.call('HDEL', KEYS[1], ARGV[1])
        end
        return 0
    """

    def __init__(self, db, layout):
        self.db = db
        self.layout = layout
        self._open = {}  # session id -> turn id, saves a round trip for each segment

    def _session(self, session_id):
        return self.layout["session"].format(session_id=session_id)

    def _turn(self, turn_id):
        return self.layout["turn"].format(turn_id=turn_id)

    def current(self, session_id):
        return self._open.get(session_id) or self.db.hget(self._session(session_id), self.layout["current_turn_field"])

    def affinity(self, turn_id):
        return self.db.hget(self._turn(turn_id), self.layout["affinity_field"]) if turn_id else None

    def save(self, session_id, turn_id, node_id):
        tx = self.db.pipeline(transaction=True)
        tx.hset(self._turn(turn_id), self.layout["affinity_field"], node_id)
        tx.hset(self._session(session_id), self.layout["current_turn_field"], turn_id)
        tx.execute()
        self._open[session_id] = turn_id

    def clear(self, session_id):
        self._open.pop(session_id, None)
        self.db.eval(
            self.CLEAR,
            1,
            self._session(session_id),
            self.layout["current_turn_field"],
            self.layout["affinity_field"],
            self._turn("%"),
        )


class NodeDirectory:
    def __init__(self, db, layout):
        self.db = db
        self.layout = layout

    def online(self, node_id):
        return self.db.exists(self.layout["node"].format(node_id=node_id)) == 1

    def serves(self, node_id, pair):
        pool_id = self.db.hget(self.layout["node_pools"].format(node_id=node_id), pair)
        return pool_id is not None

    def random_one(self, pair):
        keys = [self.layout["pool"].format(pair=pair, pool_id=i) for i in range(1000)]
        everybody = []
        for start in range(0, 1000, 100):
            members = self.db.sunion(keys[start : start + 100])
            if not members:  # a gap of a hundred pools is the end
                break
            everybody.extend(members)
        rng.shuffle(everybody)
        return next((node for node in everybody if self.online(node)), None)

    def bound(self, job_id):
        key = self.layout["job"].format(job_id=job_id)
        node = self.db.get(key)
        if node and not self.online(node):
            self.db.delete(key)
            return None
        return node

    def bind(self, job_id, node_id):
        self.db.setex(self.layout["job"].format(job_id=job_id), self.layout["job_ttl_s"], node_id)


class Dispatcher:
    def __init__(self, url, layout):
        db = redis.Redis.from_url(url, decode_responses=True, encoding_errors="surrogateescape")
        self.turns = TurnStore(db, layout)
        self.nodes = NodeDirectory(db, layout)

    def select(self, pair, job_id, turn_id):
        if job_id:
            node = self.nodes.bound(job_id)
            if node:
                return node
        node = self.turns.affinity(turn_id)
        if node and self.nodes.online(node) and self.nodes.serves(node, pair):
            return node
        node = self.nodes.random_one(pair)
        if node and job_id:
            self.nodes.bind(job_id, node)
        return node

    def batch(self, turn_id, src, langs, with_binding):
        jobs = [Job(str(uuid4()), lang, None) for lang in langs]
        for job in jobs:
            job.node_id = self.select(f"{src}:{job.tgt_lang}", job.job_id if with_binding else None, turn_id)
        return jobs

    def on_max_duration(self, session_id, src, langs):
        turn_id = self.turns.current(session_id) or str(uuid4())
        jobs = self.batch(turn_id, src, langs, with_binding=True)
        for job in jobs:
            if job.node_id:
                self.turns.save(session_id, turn_id, job.node_id)
                break
        return turn_id, jobs

    def on_close(self, session_id, src, langs):
        turn_id = str(uuid4())
        try:
            self.turns.clear(session_id)
        except redis.RedisError as error:
            print(error, file=sys.stderr)
        try:
            jobs = self.batch(turn_id, src, langs, with_binding=False)
        finally:
            self.turns.clear(session_id)
        return turn_id, jobs


class Adapter:
    dispatcher = None

    def error(self, code, text, **more):
        return {"error": {"code": code, "message": str(text), **more}}

    def finalize(self, m):
        session_id, reason, src = m.get("session_id"), m.get("reason"), m.get("src_lang")
        langs = m.get("room_langs") or [m.get("tgt_lang")]
        if not isinstance(session_id, str) or session_id == "":
            return self.error("bad_request", "session_id must not be empty")
        if reason not in ("manual", "timeout", "max_duration"):
            return self.error("bad_request", f"{reason!r} is no reason")
        if any(not isinstance(x, str) or not x or ":" in x for x in [src, *langs]):
            return self.error("bad_request", "bad language")
        langs = sorted(set(langs), key=langs.index)
        run = self.dispatcher.on_max_duration if reason == "max_duration" else self.dispatcher.on_close
        turn_id, jobs = run(session_id, src, langs)
        if not any(job.node_id for job in jobs):
            return self.error("no_node", "no job got a node")
        return {"ok": {"turn_id": turn_id, "jobs": [asdict(job) for job in jobs]}}

    def handle(self, m):
        if m.get("v", 1) != 1:
            return self.error("bad_request", "v", supported=[1])
        match m.get("op"):
            case "hello":
                self.dispatcher = Dispatcher(m["redis_url"], m["layout"])
                return {
                    "ok": {
                        "name": "three-objects",
                        "version": "1.1",
                        "language": "python",
                        "ops": ["finalize", "select"],
                    }
                }
            case "bye":
                return {"ok": {}}
            case "finalize" | "select" if self.dispatcher is None:
                return self.error("bad_request", "hello is missing")
            case "finalize":
                return self.finalize(m)
            case "select":
                if not isinstance(m.get("pair"), str):
                    return self.error("bad_request", "pair")
                return {"ok": {"node_id": self.dispatcher.select(m["pair"], m.get("job_id"), m.get("turn_id"))}}
            case other:
                return self.error("unsupported", other)

    def main(self):
        while line := sys.stdin.readline():
            m = {}
            try:
                m = json.loads(line)
                answer = self.handle(m)
            except json.JSONDecodeError as e:
                answer = self.error("bad_request", e)
            except redis.RedisError as e:
                answer = self.error("redis", e)
            except Exception as e:
                answer = self.error("internal", repr(e))
            print(json.dumps({"id": m.get("id"), **answer}), flush=True)
            if m.get("op") == "bye":
                break


if __name__ == "__main__":
    Adapter().main()
