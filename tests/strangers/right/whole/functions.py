#!/usr/bin/env python3
"""Reading continuous. FCALL for the three steps, FCALL_RO for choosing; the binding is the client's own SET.

The library declares which functions write nothing, and keeps its usage in a hash of its own through a fourth function.
"""

import random
import sys
import uuid
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
import redis
from stranger_lib import Ask, Stranger, answer, connect, new_jobs, serve

LIBRARY = """#!lua name=whole_turns
local NODE, POOL, FIELD = 'lingua:v1:node:', 'lingua:v1:pool:', 'affinity_node_id'
local function here(id) return redis.call('EXISTS', NODE .. id) > 0 end
-- keys: the turn's key, or none; args: the pair, numbers to draw with
local function choose(keys, args)
  local pair = args[1]
  if keys[1] then
    local id = redis.call('HGET', keys[1], FIELD)
    if id and id ~= '' and here(id) and redis.call('HEXISTS', NODE .. id .. ':pools', pair) > 0 then return {id, 1} end
  end
  local ids, width = {}, 60
  for base = 0, 999, width do
    local keys_of = {}
    for pool = base, math.min(base + width, 1000) - 1 do
      keys_of[#keys_of + 1] = POOL .. pair .. ':' .. pool .. ':nodes'
    end
    local found = redis.call('SUNION', unpack(keys_of))
    if #found == 0 then break end
    for _, id in ipairs(found) do if here(id) then ids[#ids + 1] = id end end
  end
  if #ids == 0 then return {} end
  return {ids[1 + tonumber(args[2]) % #ids], 0}
end
local function write(keys, args)
  redis.call('HSET', keys[1], FIELD, args[2])
  redis.call('HSET', keys[2], 'current_turn_id', args[1])
end
local function clear(keys)
  local turn = redis.call('HGET', keys[1], 'current_turn_id')
  if turn and turn ~= '' then redis.call('HDEL', 'scheduler:turn:' .. turn, FIELD) end
  if turn then redis.call('HDEL', keys[1], 'current_turn_id') end
end
local function note(keys, args)
  redis.call('HINCRBY', keys[1], args[1], 1)
  redis.call('EXPIRE', keys[1], 86400)
end
redis.register_function{function_name='whole_choose', callback=choose, flags={'no-writes'}}
redis.register_function{function_name='whole_write', callback=write}
redis.register_function{function_name='whole_clear', callback=clear}
redis.register_function{function_name='whole_note', callback=note, flags={'allow-oom'}}
"""


class Functions(Stranger):
    name = "functions"
    ops = ("finalize", "select")

    def __init__(self, hello: dict[str, Any]) -> None:
        self.db = connect(hello["redis_url"])
        if not self.db.function_list(library="whole_turns"):
            self.load()

    def load(self) -> None:
        self.db.function_load(LIBRARY, replace=True)

    def call(self, function: str, keys: list[str], *args: str, reads: bool = False) -> Any:
        fcall = self.db.fcall_ro if reads else self.db.fcall
        try:
            return fcall(function, len(keys), *keys, *args)
        except redis.ResponseError as problem:
            if "Function not found" not in str(problem):
                raise
            self.load()
            return fcall(function, len(keys), *keys, *args)

    def select(self, pair: str, job_id: str, turn_id: str) -> str | None:
        if job_id:
            bound = self.db.get(f"lingua:v1:job:{job_id}:node")
            if bound and self.db.exists(f"lingua:v1:node:{bound}"):
                return str(bound)
        keys = [f"scheduler:turn:{turn_id}"] if turn_id else []
        chosen = self.call("whole_choose", keys, pair, str(random.getrandbits(30)), reads=True)
        if not chosen:
            return None
        node, by_affinity = chosen
        if job_id and not by_affinity:
            self.db.set(f"lingua:v1:job:{job_id}:node", node, ex=3600)
        return str(node)

    def turn_for(self, ask: Ask, turn: str) -> str:
        """The id that the jobs are selected under."""
        return turn

    def finalize(self, ask: Ask) -> dict[str, Any]:
        session = f"scheduler:session:{ask.session}"
        turn = self.db.hget(session, "current_turn_id") or str(uuid.uuid4())
        jobs, nodes = new_jobs(ask), list[str | None]()
        try:
            for job, lang in zip(jobs, ask.langs, strict=True):
                node = self.select(f"{ask.src}:{lang}", "" if ask.closing else job, self.turn_for(ask, turn))
                if node and not any(nodes) and not ask.closing:
                    self.call("whole_write", [f"scheduler:turn:{turn}", session], turn, node)
                nodes.append(node)
                self.call("whole_note", [f"lingua:v1:usage:{random.randrange(50)}"], f"{ask.src}>{lang}")
        finally:
            if ask.closing:
                self.call("whole_clear", [session])
        return answer(turn, ask.langs, jobs, nodes)


if __name__ == "__main__":
    serve(Functions)
