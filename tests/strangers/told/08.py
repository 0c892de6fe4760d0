# WRONG: The reason is checked only after the clear, and whatever is not max_duration clears, so a refused reason ends the open turn all the same (TA-TURN-5).
"""One file, one loop, no classes but the two exceptions."""

import json
import random
import sys
from uuid import uuid4

import redis

BINDS = {"manual": False, "timeout": False, "max_duration": True}

CHOOSE = """
local pair, job, turn = ARGV[1], ARGV[2], ARGV[3]
local k = cjson.decode(ARGV[4])
local wanted = turn ~= '' and redis.call('HGET', k.turn, k.affinity) or ''
if job ~= '' then
  local b = redis.call('GET', k.job)
  if b and redis.call('EXISTS', k.node1 .. b .. k.node2) == 1 then return b end
  if b then redis.call('DEL', k.job) end
end
local set, list, quiet = {}, {}, 0
for i = 0, 999 do
  local m = redis.call('SMEMBERS', k.pool1 .. i .. k.pool2)
  quiet = (#m == 0) and quiet + 1 or 0
  if quiet == 60 then break end
  for j = 1, #m do
    if not set[m[j]] and redis.call('EXISTS', k.node1 .. m[j] .. k.node2) == 1 then
      set[m[j]] = true
      list[#list + 1] = m[j]
    end
  end
end
if wanted ~= '' and set[wanted] then return wanted end
if #list == 0 then return nil end
local n = list[tonumber(ARGV[5]) % #list + 1]
if job ~= '' then redis.call('SET', k.job, n, 'EX', k.ttl) end
return n
"""


class Refusal(Exception):
    pass


class NoNodes(Exception):
    pass


db = None
lay = None


def select_node(pair, job_id, turn_id):
    node1, node2 = lay["node"].format(node_id="*").split("*")
    pool1, pool2 = lay["pool"].format(pair=pair, pool_id="*").split("*")
    k = dict(
        turn=lay["turn"].format(turn_id=turn_id),
        affinity=lay["affinity_field"],
        job=lay["job"].format(job_id=job_id),
        node1=node1,
        node2=node2,
        pool1=pool1,
        pool2=pool2,
        ttl=str(lay["job_ttl_s"]),
    )
    return db.eval(CHOOSE, 0, pair, job_id, turn_id, json.dumps(k), random.getrandbits(31))


def clear(session_key):
    turn_id = db.hget(session_key, lay["current_turn_field"])
    if not turn_id:
        return
    db.hdel(lay["turn"].format(turn_id=turn_id), lay["affinity_field"])
    db.hdel(session_key, lay["current_turn_field"])


def check_language(tag):
    if not isinstance(tag, str) or not tag or ":" in tag:
        raise Refusal("language: " + repr(tag))


def finalize(session_id, reason, src, tgt, room):
    if not isinstance(session_id, str) or not session_id:
        raise Refusal("session")
    langs = list(dict.fromkeys(room or [tgt]))
    for tag in [src] + langs:
        check_language(tag)
    session_key = lay["session"].format(session_id=session_id)
    closes = reason != "max_duration"

    # a turn ends with anything but the length limit
    if closes:
        try:
            clear(session_key)
        except redis.RedisError as e:
            print("clear:", e, file=sys.stderr)

    if reason not in BINDS:
        raise Refusal("reason: " + repr(reason))
    turn_id = None if closes else db.hget(session_key, lay["current_turn_field"])
    turn_id = turn_id or str(uuid4())
    bind = BINDS[reason]

    jobs = []
    try:
        for lang in langs:
            job_id = uuid4().hex
            jobs.append(
                {"job_id": job_id, "tgt_lang": lang, "node_id": select_node(f"{src}:{lang}", job_id * bind, turn_id)}
            )
    finally:
        if closes:
            clear(session_key)

    nodes = [j["node_id"] for j in jobs if j["node_id"]]
    if not nodes:
        raise NoNodes("no node")
    if not closes:
        p = db.pipeline(transaction=True)
        p.hset(lay["turn"].format(turn_id=turn_id), lay["affinity_field"], nodes[0])
        p.hset(session_key, lay["current_turn_field"], turn_id)
        p.execute()
    return {"turn_id": turn_id, "jobs": jobs}


for line in sys.stdin:
    q = {}
    try:
        q = json.loads(line)
        match q:
            case {"v": v} if v != 1:
                a = {"error": {"code": "bad_request", "message": "v", "supported": [1]}}
            case {"op": "hello", "redis_url": url, "layout": lay}:
                db = redis.Redis.from_url(url, decode_responses=True, encoding_errors="surrogateescape")
                a = {"ok": {"name": "oneloop", "version": "3", "language": "python", "ops": ["finalize", "select"]}}
            case {"op": "bye"}:
                a = {"ok": {}}
            case {"op": "finalize" | "select"} if db is None:
                raise Refusal("hello first")
            case {"op": "finalize"}:
                a = {
                    "ok": finalize(
                        q.get("session_id"), q.get("reason"), q.get("src_lang"), q.get("tgt_lang"), q.get("room_langs")
                    )
                }
            case {"op": "select", "pair": pair}:
                a = {"ok": {"node_id": select_node(pair, q.get("job_id") or "", q.get("turn_id") or "")}}
            case _:
                a = {"error": {"code": "unsupported", "message": "op"}}
    except (Refusal, json.JSONDecodeError) as e:
        a = {"error": {"code": "bad_request", "message": str(e)}}
    except NoNodes as e:
        a = {"error": {"code": "no_node", "message": str(e)}}
    except redis.RedisError as e:
        a = {"error": {"code": "redis", "message": str(e)}}
    except Exception as e:
        a = {"error": {"code": "internal", "message": repr(e)}}
    print(json.dumps({"id": q.get("id"), **a}), flush=True)
    if q.get("op") == "bye":
        break
