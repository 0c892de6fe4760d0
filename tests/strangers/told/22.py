# WRONG: current_turn_id is written as soon as the id is minted, so a max_duration batch that got no node leaves a turn open (TA-WRITE-1, TA-SEL-7)
"""Turn affinity scheduler: asyncio, the jobs of a batch side by side, three Lua scripts; a closing finalize clears first."""

import asyncio
import json
import random
import sys
import uuid
from types import SimpleNamespace

import redis.asyncio as aioredis
from redis.exceptions import RedisError

SELECT_LUA = """
local cfg = cjson.decode(ARGV[1])
local job_key, turn_key = cfg.job_key, cfg.turn_key
local function fill(parts, text) return parts[1] .. text .. parts[2] end
local function online(node) return redis.call('EXISTS', fill(cfg.node, node)) == 1 end
local function bind(node)
  if job_key then redis.call('SET', job_key, node, 'EX', cfg.job_ttl_s) end
  return node
end

if job_key then
  local bound = redis.call('GET', job_key)
  if bound then
    if online(bound) then return bound end
    redis.call('DEL', job_key)
  end
end

if turn_key then
  local node = redis.call('HGET', turn_key, cfg.affinity_field)
  if node and node ~= '' and online(node) then
    local pool = redis.call('HGET', fill(cfg.node_pools, node), cfg.pair)
    if pool and redis.call('SISMEMBER', fill(cfg.pool, pool), node) == 1 then return bind(node) end
  end
end

local nodes, last_seen = {}, 0
for id = 0, 999 do
  if id - last_seen > 64 then break end
  local members = redis.call('SMEMBERS', fill(cfg.pool, string.format('%d', id)))
  if #members > 0 then last_seen = id end
  for _, node in ipairs(members) do nodes[#nodes + 1] = node end
end
math.randomseed(cfg.seed)
for left = #nodes, 1, -1 do
  local at = math.random(left)
  if online(nodes[at]) then return bind(nodes[at]) end
  nodes[at] = nodes[left]
end
return nil
"""

WRITE_LUA = """
redis.call('HSET', KEYS[2], ARGV[1], ARGV[2])
redis.call('HSET', KEYS[1], ARGV[3], ARGV[4])
return 1
"""

CLEAR_LUA = """
local turn = redis.call('HGET', KEYS[1], ARGV[1])
if not turn or turn == '' then return 0 end
redis.call('DEL', ARGV[2] .. turn .. ARGV[3])
redis.call('HDEL', KEYS[1], ARGV[1])
return 1
"""

LAYOUT = {
    "turn": "scheduler:turn:{turn_id}",
    "session": "scheduler:session:{session_id}",
    "node": "lingua:v1:node:{node_id}",
    "node_pools": "lingua:v1:node:{node_id}:pools",
    "pool": "lingua:v1:pool:{pair}:{pool_id}:nodes",
    "job": "lingua:v1:job:{job_id}:node",
    "affinity_field": "affinity_node_id",
    "current_turn_field": "current_turn_id",
    "job_ttl_s": 3600,
}


class Fault(Exception):
    def __init__(self, code, message, **more):
        super().__init__(message)
        self.body = {"code": code, "message": message, **more}


def halves(template, hole, **known):
    return template.format(**known, **{hole: "\x00"}).split("\x00")


def connect(url, layout):
    db = aioredis.from_url(url, decode_responses=True)
    return SimpleNamespace(
        db=db,
        layout=SimpleNamespace(**{**LAYOUT, **(layout or {})}),
        select=db.register_script(SELECT_LUA),
        write=db.register_script(WRITE_LUA),
        clear=db.register_script(CLEAR_LUA),
    )


# --- the turn -------------------------------------------------------------------------------------


async def open_turn(ctx, session_id):
    return await ctx.db.hget(ctx.layout.session.format(session_id=session_id), ctx.layout.current_turn_field)


async def begin_turn(ctx, session_id):
    """The turn has to exist before its first job does."""
    turn_id = str(uuid.uuid4())
    await ctx.db.hset(ctx.layout.session.format(session_id=session_id), ctx.layout.current_turn_field, turn_id)
    return turn_id


async def write_turn(ctx, session_id, turn_id, node_id):
    lay = ctx.layout
    await ctx.write(
        keys=[lay.session.format(session_id=session_id), lay.turn.format(turn_id=turn_id)],
        args=[lay.affinity_field, node_id, lay.current_turn_field, turn_id],
    )


async def clear_turn(ctx, session_id):
    lay = ctx.layout
    await ctx.clear(
        keys=[lay.session.format(session_id=session_id)],
        args=[lay.current_turn_field, *halves(lay.turn, "turn_id")],
    )


# --- the jobs -------------------------------------------------------------------------------------


async def select_node(ctx, pair, job_id, turn_id):
    lay = ctx.layout
    cfg = {
        "pair": pair,
        "seed": random.getrandbits(31),
        "node": halves(lay.node, "node_id"),
        "node_pools": halves(lay.node_pools, "node_id"),
        "pool": halves(lay.pool, "pool_id", pair=pair),
        "affinity_field": lay.affinity_field,
        "job_ttl_s": lay.job_ttl_s,
    }
    if job_id:
        cfg["job_key"] = lay.job.format(job_id=job_id)
    if turn_id:
        cfg["turn_key"] = lay.turn.format(turn_id=turn_id)
    return await ctx.select(args=[json.dumps(cfg)])


async def create_job(ctx, src, tgt, turn_id, bind):
    job_id = uuid.uuid4().hex
    node_id = await select_node(ctx, f"{src}:{tgt}", job_id if bind else None, turn_id)
    return {"job_id": job_id, "tgt_lang": tgt, "node_id": node_id}


async def create_batch(ctx, src, targets, turn_id, bind):
    done = await asyncio.gather(
        *(create_job(ctx, src, tgt, turn_id, bind) for tgt in targets), return_exceptions=True
    )
    for outcome in done:
        if isinstance(outcome, BaseException):
            raise outcome
    return done


# --- the finalize ---------------------------------------------------------------------------------


def check_lang(tag):
    if not isinstance(tag, str) or not tag or ":" in tag:
        raise Fault("bad_request", f"bad language {tag!r}")
    return tag


def targets_of(request):
    if request.get("room_langs"):
        return list(dict.fromkeys(check_lang(tag) for tag in request["room_langs"]))
    return [check_lang(request.get("tgt_lang"))]


async def finalize(ctx, request):
    session_id, reason = request.get("session_id"), request.get("reason")
    if not session_id or not isinstance(session_id, str):
        raise Fault("bad_request", "session_id is missing")
    src, targets = check_lang(request.get("src_lang")), targets_of(request)

    if reason == "max_duration":
        turn_id = await open_turn(ctx, session_id) or await begin_turn(ctx, session_id)
        jobs = await create_batch(ctx, src, targets, turn_id, bind=True)
        home = next((job["node_id"] for job in jobs if job["node_id"]), None)
        if home:
            await write_turn(ctx, session_id, turn_id, home)
    elif reason in ("manual", "timeout"):
        try:
            await clear_turn(ctx, session_id)
        except RedisError as problem:
            print(f"clear failed, once more after the jobs: {problem}", file=sys.stderr)
        turn_id = str(uuid.uuid4())
        try:
            jobs = await create_batch(ctx, src, targets, turn_id, bind=False)
        finally:
            await clear_turn(ctx, session_id)
    else:
        raise Fault("bad_request", f"bad reason {reason!r}")

    if all(job["node_id"] is None for job in jobs):
        raise Fault("no_node", "none of the jobs got a node")
    return {"turn_id": turn_id, "jobs": jobs}


async def select(ctx, request):
    if not request.get("pair"):
        raise Fault("bad_request", "pair is missing")
    return {"node_id": await select_node(ctx, request["pair"], request.get("job_id"), request.get("turn_id"))}


# --- the wire -------------------------------------------------------------------------------------


async def handle(state, request):
    op = request.get("op")
    if request.get("v", 1) != 1:
        raise Fault("bad_request", "unknown v", supported=[1])
    if op == "hello":
        state["ctx"] = connect(request["redis_url"], request.get("layout"))
        return {"name": "aio-sched", "version": "0.9", "language": "python", "ops": ["finalize", "select"]}
    if op == "bye":
        return {}
    ops = {"finalize": finalize, "select": select}
    if op not in ops:
        raise Fault("unsupported", f"op {op!r}")
    if "ctx" not in state:
        raise Fault("bad_request", "no hello yet")
    return await ops[op](state["ctx"], request)


async def main():
    loop, state = asyncio.get_running_loop(), {}
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        number, op = None, None
        try:
            request = json.loads(line)
            number, op = request.get("id"), request.get("op")
            answer = {"ok": await handle(state, request)}
        except Fault as fault:
            answer = {"error": fault.body}
        except RedisError as problem:
            answer = {"error": {"code": "redis", "message": str(problem)}}
        except (ValueError, AttributeError) as problem:
            answer = {"error": {"code": "bad_request", "message": str(problem)}}
        except Exception as problem:
            answer = {"error": {"code": "internal", "message": repr(problem)}}
        print(json.dumps({"id": number, **answer}), flush=True)
        if op == "bye":
            break


asyncio.run(main())
