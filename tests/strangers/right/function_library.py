#!/usr/bin/env python3
"""Reading literal. A function library: FCALL for selection, write and clear, in an argument order of its own."""

import sys
import uuid
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
import redis
from stranger_lib import Ask, Stranger, answer, connect, new_jobs, serve

LIBRARY = """#!lua name=stranger_affinity
local function pools_of(pair)
  local found = {}
  for base = 0, 999, 50 do
    local any = false
    for id = base, base + 49 do
      local key = 'lingua:v1:pool:' .. pair .. ':' .. id .. ':nodes'
      if redis.call('EXISTS', key) == 1 then found[#found + 1] = key any = true end
    end
    if not any then break end
  end
  return found
end
local function choose(keys, args)
  local turn, pair, job = args[1], args[2], args[3]
  local online = function(node) return redis.call('EXISTS', 'lingua:v1:node:' .. node) == 1 end
  if job ~= '' then
    local bound = redis.call('GET', 'lingua:v1:job:' .. job .. ':node')
    if bound and online(bound) then return bound end
  end
  local recorded = turn ~= '' and redis.call('HGET', 'scheduler:turn:' .. turn, 'affinity_node_id')
  if recorded and recorded ~= '' and online(recorded) then
    if redis.call('HEXISTS', 'lingua:v1:node:' .. recorded .. ':pools', pair) == 1 then return recorded end
  end
  local keys_of = pools_of(pair)
  if #keys_of == 0 then return false end
  local members, alive = redis.call('SUNION', unpack(keys_of)), {}
  for _, node in ipairs(members) do if online(node) then alive[#alive + 1] = node end end
  if #alive == 0 then return false end
  local node = alive[math.random(#alive)]
  if job ~= '' then redis.call('SETEX', 'lingua:v1:job:' .. job .. ':node', 3600, node) end
  return node
end
local function write(keys, args)
  redis.call('HSET', keys[2], 'affinity_node_id', args[2])
  redis.call('HSET', keys[1], 'current_turn_id', args[1])
  return 1
end
local function clear(keys)
  local turn = redis.call('HGET', keys[1], 'current_turn_id')
  if not turn or turn == '' then return 0 end
  redis.call('HDEL', 'scheduler:turn:' .. turn, 'affinity_node_id')
  redis.call('HDEL', keys[1], 'current_turn_id')
  return 1
end
redis.register_function('stranger_choose', choose)
redis.register_function('stranger_write', write)
redis.register_function('stranger_clear', clear)
"""


class FunctionLibrary(Stranger):
    name = "function-library"
    ops = ("finalize", "select")

    def __init__(self, hello: dict[str, Any]) -> None:
        self.db = connect(hello["redis_url"])
        self.db.function_load(LIBRARY, replace=True)

    def call(self, function: str, keys: list[str], *arguments: str) -> Any:
        try:
            return self.db.fcall(function, len(keys), *keys, *arguments)
        except redis.ResponseError as problem:
            if "not found" not in str(problem):
                raise
            self.db.function_load(LIBRARY, replace=True)
            return self.db.fcall(function, len(keys), *keys, *arguments)

    def select(self, pair: str, job_id: str, turn_id: str) -> str | None:
        node = self.call("stranger_choose", [], turn_id, pair, job_id)
        return None if node is None else str(node)

    def finalize(self, ask: Ask) -> dict[str, Any]:
        session = f"scheduler:session:{ask.session}"
        problems: list[redis.RedisError] = []
        if ask.closing:
            self.try_clear(session, problems)
        turn, jobs = str(uuid.uuid4()), new_jobs(ask)
        try:
            nodes = [
                self.select(f"{ask.src}:{lang}", "" if ask.closing else job, turn)
                for job, lang in zip(jobs, ask.langs, strict=True)
            ]
        finally:
            if ask.closing:
                self.try_clear(session, problems)
        first = next((node for node in nodes if node), None)
        if first and not ask.closing:
            self.call("stranger_write", [session, f"scheduler:turn:{turn}"], turn, first)
        if problems:
            raise problems[0]
        return answer(turn, ask.langs, jobs, nodes)

    def try_clear(self, session: str, problems: list[redis.RedisError]) -> None:
        try:
            self.call("stranger_clear", [session])
        except redis.RedisError as problem:
            problems.append(problem)


serve(FunctionLibrary)
