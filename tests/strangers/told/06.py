# WRONG: Room languages are deduplicated with itertools.groupby without sorting, so only neighbours that are equal fall together and [en, ja, en] makes three jobs (TA-TURN-6).
"""Closures over one client; what a finalize does is a list of steps."""

import json
import random
import sys
import uuid
from collections import namedtuple
from itertools import groupby

import redis
from redis import RedisError

Order = namedtuple("Order", "session reason source targets")
Job = namedtuple("Job", "job_id tgt_lang node_id")


class Fault(Exception):
    def __init__(self, code, text):
        self.code, self.text = code, text


def languages(order_targets):
    """One of each, in the order given."""
    return [tag for tag, _ in groupby(order_targets)]


def parse(request):
    session, reason, source = request.get("session_id"), request.get("reason"), request.get("src_lang")
    targets = request.get("room_langs") or [request.get("tgt_lang")]
    if type(session) is not str or not session:
        raise Fault("bad_request", "empty session id")
    if reason not in ("manual", "timeout", "max_duration"):
        raise Fault("bad_request", "no such reason")
    for tag in (source, *targets):
        if type(tag) is not str or not tag or ":" in tag:
            raise Fault("bad_request", "no such language")
    return Order(session, reason, source, languages(targets))


def make_scheduler(url, layout):
    r = redis.from_url(url, decode_responses=True, encoding_errors="surrogateescape")
    affinity, current = layout["affinity_field"], layout["current_turn_field"]

    def k(name, **kw):
        return layout[name].format(**kw)

    def members(pair):
        for low in range(0, 1000, 50):
            batch = r.pipeline(transaction=False)
            for i in range(low, low + 50):
                batch.smembers(k("pool", pair=pair, pool_id=i))
            sets = [s for s in batch.execute() if s]
            for s in sets:
                yield from s
            if not sets:
                return

    def alive(nodes):
        batch = r.pipeline(transaction=False)
        for node in nodes:
            batch.exists(k("node", node_id=node))
        return [node for node, yes in zip(nodes, batch.execute()) if yes]

    def bound_node(job_id):
        node = r.get(k("job", job_id=job_id))
        if node and not alive([node]):
            r.delete(k("job", job_id=job_id))
            node = None
        return node

    def select(pair, job_id=None, turn_id=None):
        if job_id and (node := bound_node(job_id)):
            return node
        choice = alive(sorted(set(members(pair))))
        wanted = r.hget(k("turn", turn_id=turn_id), affinity) if turn_id else None
        if wanted and wanted in choice:
            return wanted
        if not choice:
            return None
        node = random.choice(choice)
        if job_id:
            r.set(k("job", job_id=job_id), node, ex=layout["job_ttl_s"])
        return node

    def clear(session):
        turn_id = r.hget(k("session", session_id=session), current)
        if turn_id:
            with r.pipeline(transaction=True) as tx:
                tx.hdel(k("turn", turn_id=turn_id), affinity).hdel(k("session", session_id=session), current)
                tx.execute()

    def write(session, turn_id, node):
        with r.pipeline(transaction=True) as tx:
            tx.hset(k("turn", turn_id=turn_id), affinity, node)
            tx.hset(k("session", session_id=session), current, turn_id)
            tx.execute()

    def jobs_of(order, turn_id, bind):
        for target in order.targets:
            job_id = str(uuid.uuid4())
            yield Job(job_id, target, select(f"{order.source}:{target}", job_id if bind else None, turn_id))

    def keep_open(order):
        turn_id = r.hget(k("session", session_id=order.session), current) or str(uuid.uuid4())
        jobs = list(jobs_of(order, turn_id, bind=True))
        got = [job.node_id for job in jobs if job.node_id]
        if got:
            write(order.session, turn_id, got[0])
        return turn_id, jobs

    def close(order):
        try:
            clear(order.session)
        except RedisError as error:
            print("first clear failed:", error, file=sys.stderr)
            r.connection_pool.disconnect()
        turn_id = str(uuid.uuid4())
        try:
            jobs = list(jobs_of(order, turn_id, bind=False))
        finally:
            clear(order.session)
        return turn_id, jobs

    def finalize(request):
        order = parse(request)
        turn_id, jobs = keep_open(order) if order.reason == "max_duration" else close(order)
        if not any(job.node_id for job in jobs):
            raise Fault("no_node", "no node")
        return {"turn_id": turn_id, "jobs": [job._asdict() for job in jobs]}

    def select_op(request):
        if not request.get("pair"):
            raise Fault("bad_request", "pair")
        return {"node_id": select(request["pair"], request.get("job_id"), request.get("turn_id"))}

    return {"finalize": finalize, "select": select_op}


def answer(request, ops):
    if request.get("v", 1) != 1:
        return {"error": {"code": "bad_request", "message": "v", "supported": [1]}}
    op = request.get("op")
    try:
        if op == "hello":
            ops.update(make_scheduler(request["redis_url"], request["layout"]))
            return {"ok": {"name": "closures", "version": "1", "language": "python", "ops": sorted(ops)}}
        if op == "bye":
            return {"ok": {}}
        if op not in ("finalize", "select"):
            raise Fault("unsupported", str(op))
        if op not in ops:
            raise Fault("bad_request", "hello first")
        return {"ok": ops[op](request)}
    except Fault as fault:
        return {"error": {"code": fault.code, "message": fault.text}}
    except RedisError as error:
        return {"error": {"code": "redis", "message": str(error)}}
    except Exception as error:
        return {"error": {"code": "internal", "message": repr(error)}}


def main():
    ops = {}
    for line in sys.stdin:
        try:
            request = json.loads(line)
        except ValueError:
            print('{"id": null, "error": {"code": "bad_request", "message": "no JSON"}}', flush=True)
            continue
        print(json.dumps({"id": request.get("id"), **answer(request, ops)}), flush=True)
        if request.get("op") == "bye":
            sys.exit(0)


main()
