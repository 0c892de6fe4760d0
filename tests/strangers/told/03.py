# WRONG: A manual or timeout finalize runs its own jobs, and answers, under the id of the turn that it has just closed instead of a new one (TA-TURN-3).
"""No Lua here: pipelines, WATCH and MULTI."""

import itertools
import json
import random
import sys
import uuid

import redis


class Bad(Exception):
    pass


class Empty(Exception):
    pass


class Scheduler:
    WINDOW = 64

    def __init__(self, url, layout):
        self.l = layout
        self.db = redis.from_url(url, decode_responses=True, encoding_errors="surrogateescape")

    # -- keys

    def session_key(self, session_id):
        return self.l["session"].format(session_id=session_id)

    def turn_key(self, turn_id):
        return self.l["turn"].format(turn_id=turn_id)

    # -- nodes

    def candidates(self, pair):
        names = set()
        for start in range(0, 1000, self.WINDOW):
            with self.db.pipeline(transaction=False) as p:
                for pool_id in range(start, min(start + self.WINDOW, 1000)):
                    p.smembers(self.l["pool"].format(pair=pair, pool_id=pool_id))
                window = set(itertools.chain.from_iterable(p.execute()))
            if not window:
                break
            names |= window
        if not names:
            return []
        names = sorted(names)
        with self.db.pipeline(transaction=False) as p:
            for name in names:
                p.exists(self.l["node"].format(node_id=name))
            return [name for name, there in zip(names, p.execute()) if there]

    def route(self, pair, turn_id, bind_as=None):
        fitting = self.candidates(pair)
        preferred = self.db.hget(self.turn_key(turn_id), self.l["affinity_field"])
        if preferred in fitting:
            return preferred
        if not fitting:
            return None
        node = random.choice(fitting)
        if bind_as is not None:
            self.db.set(self.l["job"].format(job_id=bind_as), node, ex=self.l["job_ttl_s"])
        return node

    # -- turns

    def open_turn(self, session_id):
        return self.db.hget(self.session_key(session_id), self.l["current_turn_field"]) or None

    def clear(self, session_id):
        """End the open turn; tells which one it was."""
        key, field = self.session_key(session_id), self.l["current_turn_field"]
        with self.db.pipeline() as p:
            while True:
                try:
                    p.watch(key)
                    turn_id = p.hget(key, field)
                    if not turn_id:
                        return None
                    p.multi()
                    p.hdel(self.turn_key(turn_id), self.l["affinity_field"])
                    p.hdel(key, field)
                    p.execute()
                    return turn_id
                except redis.WatchError:
                    continue

    def try_clear(self, session_id):
        try:
            return self.clear(session_id)
        except redis.RedisError as error:
            sys.stderr.write(f"clear of {session_id}: {error}\n")
            self.db.connection_pool.disconnect()
            return None

    def settle_turn(self, session_id, closing):
        turn_id = self.try_clear(session_id) if closing else self.open_turn(session_id)
        return turn_id or str(uuid.uuid4())

    def remember(self, session_id, turn_id, node_id):
        with self.db.pipeline() as p:
            p.hset(self.turn_key(turn_id), mapping={self.l["affinity_field"]: node_id})
            p.hset(self.session_key(session_id), mapping={self.l["current_turn_field"]: turn_id})
            p.execute()

    def finalize(self, session_id, reason, src, targets):
        closing = reason in ("manual", "timeout")
        turn_id = self.settle_turn(session_id, closing)
        jobs = []
        try:
            for n, target in enumerate(targets):
                job_id = f"{uuid.uuid4().hex[:16]}-{n}"
                node = self.route(f"{src}:{target}", turn_id, None if closing else job_id)
                jobs.append(dict(job_id=job_id, tgt_lang=target, node_id=node))
        finally:
            if closing:
                self.clear(session_id)
        nodes = [j["node_id"] for j in jobs if j["node_id"] is not None]
        if not nodes:
            raise Empty("no node")
        if not closing:
            self.remember(session_id, turn_id, nodes[0])
        return dict(turn_id=turn_id, jobs=jobs)


def checked(request):
    sid, reason, src = (request.get(k) for k in ("session_id", "reason", "src_lang"))
    if not (isinstance(sid, str) and sid):
        raise Bad("session_id")
    if reason not in {"manual", "timeout", "max_duration"}:
        raise Bad("reason")
    targets = list(dict.fromkeys(request.get("room_langs") or [request.get("tgt_lang")]))
    for lang in (src, *targets):
        if not (isinstance(lang, str) and lang and ":" not in lang):
            raise Bad("language")
    return sid, reason, src, targets


def main():
    scheduler = None

    def do(request):
        nonlocal scheduler
        op = request.get("op")
        if op == "hello":
            scheduler = Scheduler(request["redis_url"], request["layout"])
            return dict(name="multi", version="1", language="python", ops=["finalize"])
        if op == "bye":
            return {}
        if op == "finalize":
            if scheduler is None:
                raise Bad("hello first")
            return scheduler.finalize(*checked(request))
        raise NotImplementedError(op)

    for line in sys.stdin:
        request = {}
        try:
            request = json.loads(line)
            if request.get("v", 1) != 1:
                out = {"error": {"code": "bad_request", "message": "v", "supported": [1]}}
            else:
                out = {"ok": do(request)}
        except (Bad, json.JSONDecodeError) as e:
            out = {"error": {"code": "bad_request", "message": str(e)}}
        except Empty as e:
            out = {"error": {"code": "no_node", "message": str(e)}}
        except NotImplementedError as e:
            out = {"error": {"code": "unsupported", "message": str(e)}}
        except redis.RedisError as e:
            out = {"error": {"code": "redis", "message": str(e)}}
        except Exception as e:
            out = {"error": {"code": "internal", "message": repr(e)}}
        print(json.dumps({"id": request.get("id"), **out}), flush=True)
        if request.get("op") == "bye":
            return


main()
