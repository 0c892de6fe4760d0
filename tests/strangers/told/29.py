# WRONG: a new turn starts warm: its jobs prefer the node that served the session's last, closed turn (TA-NEVER-2, TA-NEVER-3, TA-SEL-2)
"""Turn affinity scheduler: classes over plain Redis commands; closing jobs run first, then the turn is cleared."""

import contextlib
import json
import logging
import random
import sys
import time
import uuid
from dataclasses import dataclass, field

import redis

log = logging.getLogger("scheduler")
logging.basicConfig(stream=sys.stderr, level=logging.WARNING)


class ApiError(Exception):
    def __init__(self, code, message):
        super().__init__(message)
        self.code = code


@dataclass
class Keys:
    turn: str = "scheduler:turn:{turn_id}"
    session: str = "scheduler:session:{session_id}"
    node: str = "lingua:v1:node:{node_id}"
    node_pools: str = "lingua:v1:node:{node_id}:pools"
    pool: str = "lingua:v1:pool:{pair}:{pool_id}:nodes"
    job: str = "lingua:v1:job:{job_id}:node"
    affinity_field: str = "affinity_node_id"
    current_turn_field: str = "current_turn_id"
    job_ttl_s: int = 3600

    @classmethod
    def from_layout(cls, layout):
        return cls(**{k: v for k, v in (layout or {}).items() if k in cls.__dataclass_fields__})

    def turn_key(self, turn_id):
        return self.turn.format(turn_id=turn_id)

    def session_key(self, session_id):
        return self.session.format(session_id=session_id)

    def node_key(self, node_id):
        return self.node.format(node_id=node_id)

    def node_pools_key(self, node_id):
        return self.node_pools.format(node_id=node_id)

    def pool_key(self, pair, pool_id):
        return self.pool.format(pair=pair, pool_id=pool_id)

    def job_key(self, job_id):
        return self.job.format(job_id=job_id)


class SessionLock:
    """Keeps two schedulers from finalizing one session at the same time."""

    HOLD_MS = 30_000
    WAIT_S = 0.3

    def __init__(self, db):
        self.db = db

    def acquire(self, session_id):
        name, token = f"finalize-lock:{session_id}", uuid.uuid4().hex
        until = time.monotonic() + self.WAIT_S
        while not self.db.set(name, token, nx=True, px=self.HOLD_MS):
            if time.monotonic() > until:
                raise ApiError("internal", f"session {session_id[:80]} is being finalized elsewhere")
            time.sleep(0.02)
        return name, token

    def release(self, held):
        name, token = held
        if self.db.get(name) == token:
            self.db.delete(name)

    @contextlib.contextmanager
    def holding(self, session_id):
        held = self.acquire(session_id)
        try:
            yield
        finally:
            self.release(held)


class NodeSelector:
    WINDOW = 64

    def __init__(self, db, keys):
        self.db, self.keys = db, keys

    def select(self, pair, job_id=None, turn_id=None, warm=None):
        if job_id:
            bound = self.db.get(self.keys.job_key(job_id))
            if bound:
                if self.online(bound):
                    return bound
                self.db.delete(self.keys.job_key(job_id))
        if turn_id:
            node = self.db.hget(self.keys.turn_key(turn_id), self.keys.affinity_field)
            if node and self.online(node) and self.serves(node, pair):
                return node
        if warm and self.online(warm) and self.serves(warm, pair):
            node = warm
        else:
            node = self.draw(pair)
        if node and job_id:
            self.db.set(self.keys.job_key(job_id), node, ex=int(self.keys.job_ttl_s))
        return node

    def online(self, node):
        return bool(self.db.exists(self.keys.node_key(node)))

    def serves(self, node, pair):
        pool_id = self.db.hget(self.keys.node_pools_key(node), pair)
        return pool_id is not None and bool(self.db.sismember(self.keys.pool_key(pair, pool_id), node))

    def draw(self, pair):
        members = list(self.members(pair))
        random.shuffle(members)
        for start in range(0, len(members), 50):
            some = members[start : start + 50]
            with self.db.pipeline(transaction=False) as pipe:
                for node in some:
                    pipe.exists(self.keys.node_key(node))
                for node, there in zip(some, pipe.execute()):
                    if there:
                        return node
        return None

    def members(self, pair):
        found = set()
        for start in range(0, 1000, self.WINDOW):
            with self.db.pipeline(transaction=False) as pipe:
                for pool_id in range(start, min(start + self.WINDOW, 1000)):
                    pipe.smembers(self.keys.pool_key(pair, pool_id))
                pools = pipe.execute()
            if not any(pools):
                break
            found.update(*pools)
        return found


class TurnStore:
    def __init__(self, db, keys):
        self.db, self.keys = db, keys

    def open_turn(self, session_id):
        return self.db.hget(self.keys.session_key(session_id), self.keys.current_turn_field) or None

    def record(self, session_id, turn_id, node):
        """Write once: an affinity that stands is left alone."""
        turn_key, session_key = self.keys.turn_key(turn_id), self.keys.session_key(session_id)
        standing = self.db.hget(turn_key, self.keys.affinity_field)
        with self.db.pipeline(transaction=True) as pipe:
            if not standing:
                pipe.hset(turn_key, self.keys.affinity_field, node)
            pipe.hset(session_key, self.keys.current_turn_field, turn_id)
            pipe.execute()

    def clear(self, session_id):
        session_key = self.keys.session_key(session_id)
        while True:
            with self.db.pipeline(transaction=True) as pipe:
                try:
                    pipe.watch(session_key)
                    turn_id = pipe.hget(session_key, self.keys.current_turn_field)
                    if not turn_id:
                        return
                    pipe.multi()
                    pipe.hdel(self.keys.turn_key(turn_id), self.keys.affinity_field)
                    pipe.hdel(session_key, self.keys.current_turn_field)
                    pipe.execute()
                    return
                except redis.WatchError:
                    continue


@dataclass
class Finalize:
    session_id: str
    reason: str
    src: str
    targets: list = field(default_factory=list)
    warm: str | None = None

    @classmethod
    def parse(cls, request):
        session_id, reason = request.get("session_id"), request.get("reason")
        if not isinstance(session_id, str) or session_id == "":
            raise ApiError("bad_request", "session_id must not be empty")
        if reason not in ("manual", "timeout", "max_duration"):
            raise ApiError("bad_request", f"no such reason: {reason!r}")
        groups = request.get("room_langs") or [request.get("tgt_lang")]
        for lang in [request.get("src_lang"), *groups]:
            if not isinstance(lang, str) or lang == "" or ":" in lang:
                raise ApiError("bad_request", f"no such language: {lang!r}")
        return cls(session_id, reason, request["src_lang"], list(dict.fromkeys(groups)))


class Scheduler:
    def __init__(self, url, layout):
        self.db = redis.Redis.from_url(url, decode_responses=True)
        self.keys = Keys.from_layout(layout)
        self.selector = NodeSelector(self.db, self.keys)
        self.turns = TurnStore(self.db, self.keys)
        self.lock = SessionLock(self.db)
        self.last_node = {}  # session -> node that still has its audio context in memory

    def finalize(self, request):
        todo = Finalize.parse(request)
        with self.lock.holding(todo.session_id):
            turn_id = self.turns.open_turn(todo.session_id)
            if turn_id is None:
                turn_id, todo.warm = str(uuid.uuid4()), self.last_node.get(todo.session_id)
            if todo.reason == "max_duration":
                jobs = self.keep_open(todo, turn_id)
            else:
                try:
                    jobs = [self.create_job(todo, lang, turn_id) for lang in todo.targets]
                finally:
                    self.turns.clear(todo.session_id)
            if not any(job["node_id"] for job in jobs):
                raise ApiError("no_node", "no node for any job of the batch")
            return {"turn_id": turn_id, "jobs": jobs}

    def keep_open(self, todo, turn_id):
        jobs, recorded = [], False
        for lang in todo.targets:
            job = self.create_job(todo, lang, turn_id)
            jobs.append(job)
            if job["node_id"] and not recorded:
                self.turns.record(todo.session_id, turn_id, job["node_id"])
                self.last_node[todo.session_id] = job["node_id"]
                recorded = True
        return jobs

    def create_job(self, todo, lang, turn_id):
        job_id = str(uuid.uuid4())
        bind = todo.reason == "max_duration"
        node = self.selector.select(f"{todo.src}:{lang}", job_id if bind else None, turn_id, todo.warm)
        return {"job_id": job_id, "tgt_lang": lang, "node_id": node}

    def select(self, request):
        pair = request.get("pair")
        if not isinstance(pair, str) or pair == "":
            raise ApiError("bad_request", "pair must not be empty")
        return {"node_id": self.selector.select(pair, request.get("job_id"), request.get("turn_id"))}


class Adapter:
    def __init__(self):
        self.scheduler = None

    def serve(self):
        for line in sys.stdin:
            if not line.strip():
                continue
            answer, done = self.answer(line)
            sys.stdout.write(json.dumps(answer) + "\n")
            sys.stdout.flush()
            if done:
                return

    def answer(self, line):
        try:
            request = json.loads(line)
            request.get("id")
        except (ValueError, AttributeError) as problem:
            return {"id": None, "error": {"code": "bad_request", "message": str(problem)}}, False
        number = request.get("id")
        if request.get("v", 1) != 1:
            error = {"code": "bad_request", "message": "unknown version", "supported": [1]}
            return {"id": number, "error": error}, False
        try:
            return {"id": number, "ok": self.dispatch(request)}, request.get("op") == "bye"
        except ApiError as problem:
            error = {"code": problem.code, "message": str(problem)}
        except redis.RedisError as problem:
            error = {"code": "redis", "message": str(problem)}
        except Exception as problem:
            log.exception("request failed")
            error = {"code": "internal", "message": repr(problem)}
        return {"id": number, "error": error}, False

    def dispatch(self, request):
        op = request.get("op")
        if op == "hello":
            self.scheduler = Scheduler(request["redis_url"], request.get("layout"))
            return {"name": "relay", "version": "1.4.2", "language": "python", "ops": ["finalize", "select"]}
        if op == "bye":
            return {}
        if op not in ("finalize", "select"):
            raise ApiError("unsupported", f"no such op: {op!r}")
        if self.scheduler is None:
            raise ApiError("bad_request", "hello comes first")
        return getattr(self.scheduler, op)(request)


if __name__ == "__main__":
    Adapter().serve()
