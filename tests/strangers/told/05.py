# WRONG: The call site for a room without other members forgets to pass the turn id, so such a job ignores the turn's affinity (TA-TURN-2).
"""After the field's scheduler: do_finalize -> create_translation_jobs -> create_job -> select_node (Lua)."""

import json
import logging
import os
import sys
import uuid

import redis

logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(levelname)s %(message)s")
log = logging.getLogger("scheduler")

SELECT_NODE_LUA = """
local pair   = ARGV[1]
local job_id = ARGV[2]
local turn_id = ARGV[3]
local names = cjson.decode(ARGV[4])
local dice = tonumber(ARGV[5])

local function key(template, id)
    local at = string.find(template, '@', 1, true)
    return string.sub(template, 1, at - 1) .. id .. string.sub(template, at + 1)
end
local function is_online(id) return redis.call('EXISTS', key(names.node, id)) == 1 end

if job_id ~= '' then
    local bound = redis.call('GET', key(names.job, job_id))
    if bound then
        if is_online(bound) then return bound end
        redis.call('DEL', key(names.job, job_id))
    end
end

local affinity = ''
if turn_id ~= '' then
    affinity = redis.call('HGET', key(names.turn, turn_id), names.affinity_field) or ''
end
if affinity ~= '' and is_online(affinity) then
    local pool = redis.call('HGET', key(names.node_pools, affinity), pair)
    if pool and redis.call('SISMEMBER', key(names.pool, pool), affinity) == 1 then
        return affinity
    end
end

local list = {}
local empty = 0
for i = 0, 999 do
    local nodes = redis.call('SMEMBERS', key(names.pool, i))
    if #nodes == 0 then empty = empty + 1 else empty = 0 end
    for _, id in ipairs(nodes) do
        if is_online(id) then list[#list + 1] = id end
    end
    if empty > 45 then break end
end
if #list == 0 then return nil end
local picked = list[1 + dice % #list]
if job_id ~= '' then
    redis.call('SET', key(names.job, job_id), picked, 'EX', names.job_ttl_s)
end
return picked
"""

CLEAR_LUA = """
local turn_id = redis.call('HGET', KEYS[1], ARGV[1])
if not turn_id or turn_id == '' then return nil end
local at = string.find(ARGV[2], '@', 1, true)
redis.call('HDEL', string.sub(ARGV[2], 1, at - 1) .. turn_id .. string.sub(ARGV[2], at + 1), ARGV[3])
redis.call('HDEL', KEYS[1], ARGV[1])
return turn_id
"""


class BadRequest(ValueError):
    pass


class NoAvailableNode(RuntimeError):
    pass


class PoolService:
    def __init__(self, client, layout):
        self.client = client
        self.layout = layout

    def select_node(self, src_lang, tgt_lang, job_id=None, turn_id=None):
        return self.select_pair(f"{src_lang}:{tgt_lang}", job_id, turn_id)

    def select_pair(self, pair, job_id=None, turn_id=None):
        lay = self.layout
        names = {
            "turn": lay["turn"].format(turn_id="@"),
            "node": lay["node"].format(node_id="@"),
            "node_pools": lay["node_pools"].format(node_id="@"),
            "pool": lay["pool"].format(pair=pair, pool_id="@"),
            "job": lay["job"].format(job_id="@"),
            "affinity_field": lay["affinity_field"],
            "job_ttl_s": str(lay["job_ttl_s"]),
        }
        dice = int.from_bytes(os.urandom(3), "big")
        return self.client.eval(SELECT_NODE_LUA, 0, pair, job_id or "", turn_id or "", json.dumps(names), dice)


class JobCreator:
    def __init__(self, pools):
        self.pools = pools

    @staticmethod
    def should_bind_job_to_node(is_manual_cut, is_timeout, is_max_duration):
        return is_max_duration and not is_manual_cut and not is_timeout

    def create_translation_jobs(self, src_lang, tgt_lang, room_langs, bind, turn_id):
        if room_langs is None:
            return [self.create_solo_job(src_lang, tgt_lang, bind, turn_id)]
        if not room_langs:
            return [self.create_lonely_job(src_lang, tgt_lang, bind, turn_id)]
        return self.create_group_jobs(src_lang, room_langs, bind, turn_id)

    def create_solo_job(self, src_lang, tgt_lang, bind, turn_id):
        """A session outside of any room."""
        job_id = self.new_job_id()
        node_id = self.pools.select_node(src_lang, tgt_lang, job_id if bind else None, turn_id)
        return {"job_id": job_id, "tgt_lang": tgt_lang, "node_id": node_id}

    def create_lonely_job(self, src_lang, tgt_lang, bind, turn_id):
        """A room with nobody else in it: the speaker's own target."""
        job_id = self.new_job_id()
        node_id = self.pools.select_node(src_lang, tgt_lang, job_id if bind else None)
        return {"job_id": job_id, "tgt_lang": tgt_lang, "node_id": node_id}

    def create_group_jobs(self, src_lang, room_langs, bind, turn_id):
        """One job for each language that somebody in the room listens in."""
        jobs, done = [], set()
        for lang in room_langs:
            if lang in done:
                continue
            done.add(lang)
            job_id = self.new_job_id()
            node_id = self.pools.select_node(src_lang, lang, job_id if bind else None, turn_id)
            jobs.append({"job_id": job_id, "tgt_lang": lang, "node_id": node_id})
        return jobs

    @staticmethod
    def new_job_id():
        return f"job_{uuid.uuid4()}"


class Actor:
    def __init__(self, url, layout):
        self.layout = layout
        self.client = redis.from_url(url, decode_responses=True, encoding_errors="surrogateescape")
        self.pools = PoolService(self.client, layout)
        self.creator = JobCreator(self.pools)

    def clear_affinity(self, session_id):
        lay = self.layout
        turn_id = self.client.eval(
            CLEAR_LUA,
            1,
            lay["session"].format(session_id=session_id),
            lay["current_turn_field"],
            lay["turn"].format(turn_id="@"),
            lay["affinity_field"],
        )
        if turn_id:
            log.info("turn %s of session %s ended", turn_id, session_id)

    def write_affinity(self, session_id, turn_id, node_id):
        lay = self.layout
        pipe = self.client.pipeline(transaction=True)
        pipe.hset(lay["turn"].format(turn_id=turn_id), lay["affinity_field"], node_id)
        pipe.hset(lay["session"].format(session_id=session_id), lay["current_turn_field"], turn_id)
        pipe.execute()

    def do_finalize(self, session_id, reason, src_lang, tgt_lang, room_langs):
        self.check(session_id, reason, src_lang, tgt_lang, room_langs)
        is_manual_cut, is_timeout, is_max_duration = (reason == r for r in ("manual", "timeout", "max_duration"))
        ends_turn = is_manual_cut or is_timeout
        turn_id = None
        if ends_turn:
            try:
                self.clear_affinity(session_id)
            except redis.RedisError as error:
                log.warning("clear failed: %s", error)
        else:
            session_key = self.layout["session"].format(session_id=session_id)
            turn_id = self.client.hget(session_key, self.layout["current_turn_field"])
        turn_id = turn_id or str(uuid.uuid4())
        bind = self.creator.should_bind_job_to_node(is_manual_cut, is_timeout, is_max_duration)
        try:
            jobs = self.creator.create_translation_jobs(src_lang, tgt_lang, room_langs, bind, turn_id)
        finally:
            if ends_turn:
                self.clear_affinity(session_id)
        first = next((job["node_id"] for job in jobs if job["node_id"]), None)
        if first is None:
            raise NoAvailableNode(f"no node for {src_lang}")
        if is_max_duration:
            self.write_affinity(session_id, turn_id, first)
        return turn_id, jobs

    @staticmethod
    def check(session_id, reason, src_lang, tgt_lang, room_langs):
        if not session_id or not isinstance(session_id, str):
            raise BadRequest("session id")
        if reason not in ("manual", "timeout", "max_duration"):
            raise BadRequest(f"finalize reason {reason!r}")
        for lang in [src_lang] + (room_langs or [tgt_lang]):
            if not lang or not isinstance(lang, str) or ":" in lang:
                raise BadRequest(f"language {lang!r}")


def main():
    actor = None
    for line in sys.stdin:
        req, body = {}, None
        try:
            req = json.loads(line)
            op = req.get("op")
            if req.get("v", 1) != 1:
                body = {"error": {"code": "bad_request", "message": "unknown version", "supported": [1]}}
            elif op == "hello":
                actor = Actor(req["redis_url"], req["layout"])
                body = {
                    "ok": {
                        "name": "field-like",
                        "version": "0.9.1",
                        "language": "python",
                        "ops": ["finalize", "select"],
                        "decisions": {"D1": "reuse"},
                    }
                }
            elif op == "bye":
                body = {"ok": {}}
            elif op not in ("finalize", "select"):
                body = {"error": {"code": "unsupported", "message": f"op {op}"}}
            elif actor is None:
                raise BadRequest("say hello")
            elif op == "finalize":
                fields = ("session_id", "reason", "src_lang", "tgt_lang", "room_langs")
                turn_id, jobs = actor.do_finalize(*[req.get(f) for f in fields])
                body = {"ok": {"turn_id": turn_id, "jobs": jobs}}
            else:
                node_id = actor.pools.select_pair(req["pair"], req.get("job_id"), req.get("turn_id"))
                body = {"ok": {"node_id": node_id}}
        except NoAvailableNode as e:
            body = {"error": {"code": "no_node", "message": str(e)}}
        except ValueError as e:
            body = {"error": {"code": "bad_request", "message": str(e)}}
        except redis.RedisError as e:
            body = {"error": {"code": "redis", "message": str(e)}}
        except Exception as e:
            log.exception("unexpected")
            body = {"error": {"code": "internal", "message": str(e)}}
        sys.stdout.write(json.dumps({"id": req.get("id")} | body) + "\n")
        sys.stdout.flush()
        if req.get("op") == "bye":
            break


if __name__ == "__main__":
    main()
