#!/usr/bin/env python3
"""Reading intent. A whole finalize is one script: one key (the session hash), one argument (JSON). No ``select``."""

import json
import random
import sys
import uuid
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
import redis
from stranger_lib import Ask, Stranger, answer, connect, new_jobs, serve

FINALIZE = """
local ask = cjson.decode(ARGV[1])
local function clear()
  local open = redis.call('HGET', KEYS[1], 'current_turn_id')
  if open and open ~= '' then
    redis.call('HDEL', 'scheduler:turn:' .. open, 'affinity_node_id')
    redis.call('HDEL', KEYS[1], 'current_turn_id')
  end
end
if ask.only_clear then clear() return 'cleared' end
local function candidates(pair)
  local found = {}
  for pool = 0, 999 do
    local members = redis.call('SMEMBERS', 'lingua:v1:pool:' .. pair .. ':' .. pool .. ':nodes')
    if #members == 0 then break end
    for _, node in ipairs(members) do
      if redis.call('EXISTS', 'lingua:v1:node:' .. node) == 1 then found[#found + 1] = node end
    end
  end
  table.sort(found)
  return found
end
local turn = ask.fresh
if ask.closing then clear() else
  local open = redis.call('HGET', KEYS[1], 'current_turn_id')
  if open and open ~= '' then turn = open end
end
local recorded = false
if turn ~= ask.fresh then recorded = redis.call('HGET', 'scheduler:turn:' .. turn, 'affinity_node_id') end
local nodes, first = {}, false
for i, job in ipairs(ask.jobs) do
  local from = candidates(ask.src .. ':' .. ask.langs[i])
  local chosen = false
  for _, node in ipairs(from) do if node == recorded then chosen = node end end
  if not chosen and #from > 0 then
    chosen = from[math.floor(ask.draws[i] * #from) + 1]
    if not ask.closing then redis.call('SET', 'lingua:v1:job:' .. job .. ':node', chosen, 'EX', 3600) end
  end
  nodes[i] = chosen
  first = first or chosen
end
if ask.closing then clear() elseif first then
  redis.call('HSET', 'scheduler:turn:' .. turn, 'affinity_node_id', first)
  redis.call('HSET', KEYS[1], 'current_turn_id', turn)
end
return cjson.encode({turn = turn, nodes = nodes})
"""


class OneScript(Stranger):
    name = "one-script-finalize"

    def __init__(self, hello: dict[str, Any]) -> None:
        self.script = connect(hello["redis_url"]).register_script(FINALIZE)

    def run(self, ask: Ask, **more: Any) -> str:
        return str(self.script(keys=[f"scheduler:session:{ask.session}"], args=[json.dumps(more)]))

    def finalize(self, ask: Ask) -> dict[str, Any]:
        jobs = new_jobs(ask)
        draws = [random.random() for _ in jobs]
        try:
            text = self.run(
                ask, fresh=str(uuid.uuid4()), closing=ask.closing, jobs=jobs, langs=ask.langs, src=ask.src, draws=draws
            )
        except redis.RedisError:
            if ask.closing:
                self.run(ask, only_clear=True)
            raise
        said = json.loads(text)
        return answer(said["turn"], ask.langs, jobs, [node or None for node in said["nodes"]])


serve(OneScript)
