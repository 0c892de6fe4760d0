#!/usr/bin/env python3
"""Reading D1=reuse,D2=after,D3=after-first-job,D4=write-once. SCRIPT LOAD at each start and after NOSCRIPT; EVALSHA.

select.lua keeps to the ABI of the note: no keys, ARGV pair, job, turn. Beside it the program keeps a lease of its name,
a sorted set of sessions by the time they were last seen, and a small cache of voices with a TTL.
"""

import sys
import time
import uuid
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
import redis
from stranger_lib import Ask, Stranger, answer, connect, new_jobs, serve

SCRIPTS = {
    "select": """
local pair, job, turn = ARGV[1], ARGV[2], ARGV[3]
local function is_online(id) return redis.call('EXISTS', 'lingua:v1:node:' .. id) == 1 end
if job ~= '' then
  local id = redis.call('GET', 'lingua:v1:job:' .. job .. ':node')
  if id then
    if is_online(id) then return id end
    redis.call('DEL', 'lingua:v1:job:' .. job .. ':node')
  end
end
local function bound(id)
  if job ~= '' then redis.call('SET', 'lingua:v1:job:' .. job .. ':node', id, 'EX', 3600) end
  return id
end
if turn ~= '' then
  local id = redis.call('HGET', 'scheduler:turn:' .. turn, 'affinity_node_id')
  if id and id ~= '' and is_online(id) then
    local pool = redis.call('HGET', 'lingua:v1:node:' .. id .. ':pools', pair)
    if pool and redis.call('SISMEMBER', 'lingua:v1:pool:' .. pair .. ':' .. pool .. ':nodes', id) == 1 then
      return bound(id)
    end
  end
end
local all, seen_empty = {}, 0
for pool = 0, 999 do
  local ids = redis.call('SMEMBERS', 'lingua:v1:pool:' .. pair .. ':' .. pool .. ':nodes')
  if #ids == 0 then
    seen_empty = seen_empty + 1
    if seen_empty > 41 then break end
  else
    seen_empty = 0
    for _, id in ipairs(ids) do if is_online(id) then table.insert(all, id) end end
  end
end
if #all == 0 then return nil end
return bound(all[math.random(#all)])
""",
    "write": """
redis.call('HSETNX', KEYS[2], 'affinity_node_id', ARGV[2])
redis.call('HSET', KEYS[1], 'current_turn_id', ARGV[1])
""",
    "clear": """
local turn = redis.call('HGET', KEYS[1], 'current_turn_id')
if turn == ARGV[1] then
  redis.call('UNLINK', KEYS[2])
  redis.call('HDEL', KEYS[1], 'current_turn_id')
end
return turn
""",
}


class ScriptLoad(Stranger):
    name = "script-load"
    ops = ("finalize", "select")
    scripts = SCRIPTS

    def __init__(self, hello: dict[str, Any]) -> None:
        self.db = connect(hello["redis_url"])
        self.lease = f"lingua:v1:scheduler:{uuid.uuid4().hex[:6]}:lease"
        self.load()

    def load(self) -> None:
        self.hashes = {name: str(self.db.script_load(text)) for name, text in self.scripts.items()}

    def run(self, name: str, keys: list[str], *arguments: str) -> Any:
        try:
            return self.db.evalsha(self.hashes[name], len(keys), *keys, *arguments)
        except redis.exceptions.NoScriptError:
            self.load()
            return self.db.evalsha(self.hashes[name], len(keys), *keys, *arguments)

    def select(self, pair: str, job_id: str, turn_id: str) -> str | None:
        node = self.run("select", [], pair, job_id, turn_id)
        return str(node) if node is not None else None

    def finalize(self, ask: Ask) -> dict[str, Any]:
        self.seen(ask)
        session = f"scheduler:session:{ask.session}"
        turn = self.db.hget(session, "current_turn_id") or str(uuid.uuid4())
        keys, jobs, nodes = [session, f"scheduler:turn:{turn}"], new_jobs(ask), []
        try:
            for job, lang in zip(jobs, ask.langs, strict=True):
                node = self.select(f"{ask.src}:{lang}", "" if ask.closing else job, turn)
                nodes.append(node)
                if node and not ask.closing and nodes.count(None) == len(nodes) - 1:
                    self.run("write", keys, turn, node)
        finally:
            if ask.closing:
                self.run("clear", keys, turn)
        return answer(turn, ask.langs, jobs, nodes)

    def seen(self, ask: Ask) -> None:
        """What others look at: who is here, and a cache that nobody misses."""
        now = time.time()
        with self.db.pipeline(transaction=False) as pipe:
            pipe.set(self.lease, "serving", px=15_000)
            pipe.zadd("lingua:v1:sessions:seen", {ask.session: now})
            pipe.zremrangebyscore("lingua:v1:sessions:seen", "-inf", now - 600)
            pipe.set(f"lingua:v1:voice:{ask.src}:{int(now) % 50}", ask.call_site, ex=90)
            pipe.execute()


if __name__ == "__main__":
    serve(ScriptLoad)
