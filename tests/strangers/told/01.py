# WRONG: The second (fallback) clear after the jobs is done only for manual, so a timeout finalize whose first clear failed leaves its turn open (TA-CLEAR-4).
"""Turn affinity scheduler: plain functions, the selection and the clear as Lua."""

import json
import random
import sys
import uuid

import redis

SELECT = """
local pair, job, turn, draw = ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[4])
local turn_key, field, job_key, ttl = ARGV[5], ARGV[6], ARGV[7], ARGV[8]
local node_a, node_b, pool_a, pool_b = ARGV[9], ARGV[10], ARGV[11], ARGV[12]
local function online(n) return redis.call('EXISTS', node_a .. n .. node_b) == 1 end
if job ~= '' then
  local bound = redis.call('GET', job_key)
  if bound and bound ~= '' then
    if online(bound) then return bound end
    redis.call('DEL', job_key)
  end
end
local want = false
if turn ~= '' then want = redis.call('HGET', turn_key, field) end
local found, seen = {}, {}
local first = 0
while first < 1000 do
  local any = false
  for i = first, math.min(first + 49, 999) do
    for _, n in ipairs(redis.call('SMEMBERS', pool_a .. i .. pool_b)) do
      any = true
      if not seen[n] then
        seen[n] = true
        if online(n) then
          if want == n then return n end
          found[#found + 1] = n
        end
      end
    end
  end
  if not any then break end
  first = first + 50
end
if #found == 0 then return false end
local node = found[draw % #found + 1]
if job ~= '' then redis.call('SET', job_key, node, 'EX', ttl) end
return node
"""

CLEAR = """
local turn = redis.call('HGET', ARGV[1], ARGV[2])
if turn and turn ~= '' then
  redis.call('HDEL', ARGV[3] .. turn .. ARGV[4], ARGV[5])
  redis.call('HDEL', ARGV[1], ARGV[2])
end
return turn
"""

DEFAULT = {
    "turn": "scheduler:turn:{turn_id}",
    "session": "scheduler:session:{session_id}",
    "node": "lingua:v1:node:{node_id}",
    "pool": "lingua:v1:pool:{pair}:{pool_id}:nodes",
    "job": "lingua:v1:job:{job_id}:node",
    "affinity_field": "affinity_node_id",
    "current_turn_field": "current_turn_id",
    "job_ttl_s": 3600,
}
REASONS = ("manual", "timeout", "max_duration")
env = {"db": None, "layout": DEFAULT}


class Refused(Exception):
    pass


class Nobody(Exception):
    pass


def key(name, **members):
    return env["layout"][name].format(**members)


def around(name, hole, **members):
    """The text before and after a hole in a key template."""
    before, after = key(name, **members, **{hole: "\0"}).split("\0")
    return before, after


def hello(request):
    env["layout"] = {**DEFAULT, **(request.get("layout") or {})}
    env["db"] = redis.from_url(request["redis_url"], decode_responses=True, encoding_errors="surrogateescape")
    return {"name": "lao-zhang", "version": "0.3", "language": "python", "ops": ["finalize", "select"]}


def select_node(pair, job_id, turn_id):
    job_id, turn_id = job_id or "", turn_id or ""
    layout = env["layout"]
    return env["db"].eval(
        SELECT,
        0,
        pair,
        job_id,
        turn_id,
        random.randrange(1 << 30),
        key("turn", turn_id=turn_id),
        layout["affinity_field"],
        key("job", job_id=job_id),
        layout["job_ttl_s"],
        *around("node", "node_id"),
        *around("pool", "pool_id", pair=pair),
    )


def clear_turn(session_id):
    layout = env["layout"]
    env["db"].eval(
        CLEAR,
        0,
        key("session", session_id=session_id),
        layout["current_turn_field"],
        *around("turn", "turn_id"),
        layout["affinity_field"],
    )


def write_affinity(session_id, turn_id, node_id):
    layout = env["layout"]
    with env["db"].pipeline(transaction=True) as pipe:
        pipe.hset(key("turn", turn_id=turn_id), layout["affinity_field"], node_id)
        pipe.hset(key("session", session_id=session_id), layout["current_turn_field"], turn_id)
        pipe.execute()


def language(tag):
    if not isinstance(tag, str) or not tag or ":" in tag:
        raise Refused(f"not a language: {tag!r}")
    return tag


def create_jobs(turn_id, src, targets, bind):
    jobs = []
    for target in targets:
        job_id = f"job-{uuid.uuid4().hex}"
        node = select_node(f"{src}:{target}", job_id if bind else "", turn_id)
        jobs.append({"job_id": job_id, "tgt_lang": target, "node_id": node})
    return jobs


def finalize(request):
    session_id, reason = request.get("session_id"), request.get("reason")
    if not isinstance(session_id, str) or not session_id:
        raise Refused("session_id is empty")
    if reason not in REASONS:
        raise Refused(f"unknown reason {reason!r}")
    src = language(request.get("src_lang"))
    room = request.get("room_langs")
    targets = [language(t) for t in dict.fromkeys(room)] if room else [language(request.get("tgt_lang"))]

    if reason == "max_duration":
        session_key = key("session", session_id=session_id)
        turn_id = env["db"].hget(session_key, env["layout"]["current_turn_field"]) or str(uuid.uuid4())
        jobs = create_jobs(turn_id, src, targets, bind=True)
        placed = [job["node_id"] for job in jobs if job["node_id"]]
        if placed:
            write_affinity(session_id, turn_id, placed[0])
    else:
        try:
            clear_turn(session_id)
        except redis.RedisError as error:
            print("clear failed, will be tried after the jobs:", error, file=sys.stderr)
        turn_id = str(uuid.uuid4())
        try:
            jobs = create_jobs(turn_id, src, targets, bind=False)
        finally:
            if reason == "manual":
                clear_turn(session_id)
    if not any(job["node_id"] for job in jobs):
        raise Nobody("no node for any job")
    return {"turn_id": turn_id, "jobs": jobs}


def select(request):
    pair = request.get("pair")
    if not isinstance(pair, str) or not pair:
        raise Refused("pair is missing")
    return {"node_id": select_node(pair, request.get("job_id"), request.get("turn_id"))}


def handle(request):
    op = request.get("op")
    if request.get("v", 1) != 1:
        return {"error": {"code": "bad_request", "message": "unknown v", "supported": [1]}}
    try:
        if op == "hello":
            return {"ok": hello(request)}
        if op == "bye":
            return {"ok": {}}
        if op not in ("finalize", "select"):
            return {"error": {"code": "unsupported", "message": f"op {op!r}"}}
        if env["db"] is None:
            raise Refused("no hello yet")
        return {"ok": finalize(request) if op == "finalize" else select(request)}
    except Refused as error:
        return {"error": {"code": "bad_request", "message": str(error)}}
    except Nobody as error:
        return {"error": {"code": "no_node", "message": str(error)}}
    except redis.RedisError as error:
        return {"error": {"code": "redis", "message": str(error)}}
    except Exception as error:
        return {"error": {"code": "internal", "message": repr(error)}}


for text in sys.stdin:
    try:
        message = json.loads(text)
        if not isinstance(message, dict):
            raise ValueError("no object")
    except ValueError as problem:
        print(json.dumps({"id": None, "error": {"code": "bad_request", "message": str(problem)}}), flush=True)
        continue
    print(json.dumps({"id": message.get("id"), **handle(message)}), flush=True)
    if message.get("op") == "bye":
        break
