#!/usr/bin/env python3
"""Reading literal. EVAL with the text each time: no cache to lose; every step leaves a line in a log of its own.

The scripts are put together from parts as they are sent. A capped list, a daily counter and a ring of fifty samples are
written by the same scripts, after the step itself.
"""

import json
import sys
import time
import uuid
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
import redis
from stranger_lib import Ask, Stranger, answer, connect, new_jobs, serve

LOG = """
local function log(step)
  local at = redis.call('TIME')
  redis.call('LPUSH', 'lingua:v1:log:steps', step .. '@' .. at[1])
  redis.call('LTRIM', 'lingua:v1:log:steps', 0, 199)
  local ring = 'lingua:v1:ring:' .. tonumber(at[2]) % 50
  redis.call('SET', ring, step, 'EX', 120)
end
"""
SELECT = """
local ask = cjson.decode(ARGV[1])
local function alive(node) return node and #node > 0 and redis.call('EXISTS', 'lingua:v1:node:' .. node) == 1 end
local function choose()
  local binding = 'lingua:v1:job:' .. ask.job .. ':node'
  if ask.job ~= '' then
    local bound = redis.call('GET', binding)
    if alive(bound) then return bound end
  end
  if ask.turn ~= '' then
    local recorded = redis.call('HGET', 'scheduler:turn:' .. ask.turn, 'affinity_node_id')
    if alive(recorded) and redis.call('HEXISTS', 'lingua:v1:node:' .. recorded .. ':pools', ask.pair) == 1 then
      return recorded
    end
  end
  local nodes, empty, id = {}, 0, 0
  while empty < 50 and id < 1000 do
    local members = redis.call('SMEMBERS', 'lingua:v1:pool:' .. ask.pair .. ':' .. id .. ':nodes')
    empty = #members == 0 and empty + 1 or 0
    for _, node in ipairs(members) do if alive(node) then nodes[#nodes + 1] = node end end
    id = id + 1
  end
  local node = nodes[#nodes > 0 and ask.luck % #nodes + 1 or 1]
  if node and ask.job ~= '' then redis.call('SET', binding, node, 'EX', 3600) end
  return node
end
local node = choose()
log('select')
return node or false
"""
WRITE = """
redis.call('HSET', 'scheduler:turn:' .. ARGV[2], 'affinity_node_id', ARGV[3])
redis.call('HSET', 'scheduler:session:' .. ARGV[1], 'current_turn_id', ARGV[2])
log('write')
"""
CLEAR = """
local session = 'scheduler:session:' .. ARGV[1]
local turn = redis.call('HGET', session, 'current_turn_id')
if turn and turn ~= '' then
  redis.call('DEL', 'scheduler:turn:' .. turn)
  redis.call('HDEL', session, 'current_turn_id')
end
log('clear')
return turn
"""


class EvalText(Stranger):
    name = "eval-text"
    ops = ("finalize", "select")

    def __init__(self, hello: dict[str, Any]) -> None:
        self.db = connect(hello["redis_url"])

    def run(self, text: str, *arguments: str) -> str | None:
        reply = self.db.eval(LOG + text, 0, *arguments)
        return None if reply is None else str(reply)

    def select(self, pair: str, job_id: str, turn_id: str) -> str | None:
        luck = uuid.uuid4().int % 1_000_003
        return self.run(SELECT, json.dumps({"pair": pair, "job": job_id, "turn": turn_id, "luck": luck}))

    def finalize(self, ask: Ask) -> dict[str, Any]:
        day = f"lingua:v1:daily:{time.strftime('%Y-%m-%d')}"
        with self.db.pipeline(transaction=True) as pipe:
            pipe.hincrby(day, ask.reason, 1).hincrby(day, f"{ask.call_site}/{len(ask.langs)}", 1).expire(day, 172_800)
            pipe.execute()
        return self.close(ask) if ask.closing else self.batch(ask)

    def batch(self, ask: Ask) -> dict[str, Any]:
        turn, jobs = str(uuid.uuid4()), new_jobs(ask)
        nodes = [self.select(f"{ask.src}:{lang}", job, turn) for job, lang in zip(jobs, ask.langs, strict=True)]
        if any(nodes):
            self.run(WRITE, ask.session, turn, next(node for node in nodes if node))
        return answer(turn, ask.langs, jobs, nodes)

    def close(self, ask: Ask) -> dict[str, Any]:
        try:
            self.run(CLEAR, ask.session)
        except redis.RedisError as problem:
            print("not cleared yet:", problem, file=sys.stderr)
        turn, jobs = str(uuid.uuid4()), new_jobs(ask)
        try:
            nodes = [self.select(f"{ask.src}:{lang}", "", turn) for lang in ask.langs]
        finally:
            self.run(CLEAR, ask.session)
        return answer(turn, ask.langs, jobs, nodes)


if __name__ == "__main__":
    serve(EvalText)
