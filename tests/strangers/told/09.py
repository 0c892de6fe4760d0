# WRONG: The affinity is taken from the batch's first job rather than from the first job that got a node, so nothing is written where the first language has no node and a later one has (TA-WRITE-1).
"""Small functions, a frozen context, the write and the clear as scripts; there is no select op."""

import json
import random
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from uuid import uuid4

import redis


@dataclass(frozen=True)
class Context:
    db: redis.Redis
    names: dict
    write: Callable = field(repr=False)
    clear: Callable = field(repr=False)


@dataclass
class Job:
    job_id: str
    tgt_lang: str
    node_id: str | None = None


WRITE_LUA = "redis.call('HSET',KEYS[1],ARGV[1],ARGV[2]) redis.call('HSET',KEYS[2],ARGV[3],ARGV[4]) return 1"
CLEAR_LUA = """
local id = redis.call('HGET', KEYS[1], ARGV[1])
if id and string.len(id) > 0 then
  redis.call('HDEL', ARGV[2] .. id .. ARGV[3], ARGV[4])
  redis.call('HDEL', KEYS[1], ARGV[1])
end
"""


class UserError(Exception):
    code = "bad_request"


class NoNode(UserError):
    code = "no_node"


class NoSuchOp(UserError):
    code = "unsupported"


def connect(url, names):
    db = redis.from_url(url, decode_responses=True, encoding_errors="surrogateescape")
    return Context(db, names, db.register_script(WRITE_LUA), db.register_script(CLEAR_LUA))


def session_key(ctx, session_id):
    return ctx.names["session"].format(session_id=session_id)


def turn_key(ctx, turn_id):
    return ctx.names["turn"].format(turn_id=turn_id)


def candidates(ctx, pair):
    pool_key = partial(ctx.names["pool"].format, pair=pair)
    members, at = set(), 0
    while at < 1000:
        chunk = ctx.db.sunion([pool_key(pool_id=i) for i in range(at, at + 50)])
        if not chunk:
            break
        members.update(chunk)
        at += 50
    order = sorted(members)
    pipe = ctx.db.pipeline(transaction=False)
    for node in order:
        pipe.exists(ctx.names["node"].format(node_id=node))
    return [node for node, there in zip(order, pipe.execute() if order else []) if there]


def place(ctx, job, src, turn_id, bind):
    options = candidates(ctx, f"{src}:{job.tgt_lang}")
    if not options:
        return job
    sticky = ctx.db.hget(turn_key(ctx, turn_id), ctx.names["affinity_field"])
    job.node_id = sticky if sticky in options else random.SystemRandom().choice(options)
    if bind and job.node_id != sticky:
        ctx.db.set(ctx.names["job"].format(job_id=job.job_id), job.node_id, ex=ctx.names["job_ttl_s"])
    return job


def affinity_of(jobs):
    """The node that the turn stays on."""
    return jobs[0].node_id


def write(ctx, session_id, turn_id, node_id):
    n = ctx.names
    ctx.write(
        keys=[turn_key(ctx, turn_id), session_key(ctx, session_id)],
        args=[n["affinity_field"], node_id, n["current_turn_field"], turn_id],
    )


def clear(ctx, session_id):
    before, after = turn_key(ctx, "\t").split("\t")
    n = ctx.names
    ctx.clear(keys=[session_key(ctx, session_id)], args=[n["current_turn_field"], before, after, n["affinity_field"]])


def extend(ctx, session_id, src, langs):
    turn_id = ctx.db.hget(session_key(ctx, session_id), ctx.names["current_turn_field"]) or str(uuid4())
    jobs = [place(ctx, Job(str(uuid4()), lang), src, turn_id, True) for lang in langs]
    node_id = affinity_of(jobs)
    if node_id:
        write(ctx, session_id, turn_id, node_id)
    return turn_id, jobs


def finish(ctx, session_id, src, langs):
    try:
        clear(ctx, session_id)
    except redis.RedisError as e:
        print("clear, first time:", e, file=sys.stderr)
    turn_id = str(uuid4())
    try:
        jobs = [place(ctx, Job(str(uuid4()), lang), src, turn_id, False) for lang in langs]
    finally:
        clear(ctx, session_id)
    return turn_id, jobs


STEPS = {"manual": finish, "timeout": finish, "max_duration": extend}


def validate(m):
    if not isinstance(m.get("session_id"), str) or not m["session_id"]:
        raise UserError("session_id")
    if m.get("reason") not in STEPS:
        raise UserError("reason")
    langs = list(dict.fromkeys(m.get("room_langs") or [m.get("tgt_lang")]))
    if not all(isinstance(x, str) and x and ":" not in x for x in [m.get("src_lang"), *langs]):
        raise UserError("language")
    return m["session_id"], m["src_lang"], langs


def finalize(ctx, m):
    arguments = validate(m)
    turn_id, jobs = STEPS[m["reason"]](ctx, *arguments)
    if not any(job.node_id for job in jobs):
        raise NoNode("no job got a node")
    return {"turn_id": turn_id, "jobs": [vars(job) for job in jobs]}


def serve():
    ctx = None
    for line in sys.stdin:
        m = {}
        try:
            m = json.loads(line)
            op = m.get("op")
            if m.get("v", 1) != 1:
                error = {"code": "bad_request", "message": "v", "supported": [1]}
                print(json.dumps({"id": m.get("id"), "error": error}), flush=True)
                continue
            if op == "hello":
                ctx = connect(m["redis_url"], m["layout"])
                result = {"name": "fn", "version": "0", "language": "python", "ops": ["finalize"]}
            elif op == "bye":
                result = {}
            elif op == "finalize":
                if ctx is None:
                    raise UserError("hello")
                result = finalize(ctx, m)
            else:
                raise NoSuchOp(op)
            answer = {"ok": result}
        except UserError as e:
            answer = {"error": {"code": e.code, "message": str(e)}}
        except json.JSONDecodeError as e:
            answer = {"error": {"code": "bad_request", "message": str(e)}}
        except redis.RedisError as e:
            answer = {"error": {"code": "redis", "message": str(e)}}
        except Exception as e:
            answer = {"error": {"code": "internal", "message": repr(e)}}
        print(json.dumps({"id": m.get("id"), **answer}), flush=True)
        if m.get("op") == "bye":
            return


serve()
