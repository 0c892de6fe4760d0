#!/usr/bin/env python3
"""Reading intent. asyncio; the jobs of a batch are selected in parallel; the script gets keys, never a bare turn id."""

import asyncio
import sys
import uuid
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
import redis
import redis.asyncio
from stranger_lib import Ask, Stranger, answer, new_jobs, serve

# KEYS: the turn key or "none", the job's binding or "none"; ARGV: the pair's pool prefix, the pair, a random fraction.
PICK = """
if KEYS[2] ~= 'none' then
  local bound = redis.call('GET', KEYS[2])
  if bound and redis.call('EXISTS', 'lingua:v1:node:' .. bound) == 1 then return bound end
end
local found, listed = {}, {}
for id = 0, 999 do
  local members = redis.call('SMEMBERS', ARGV[1] .. id .. ':nodes')
  if #members == 0 then break end
  for _, node in ipairs(members) do
    if not listed[node] and redis.call('EXISTS', 'lingua:v1:node:' .. node) == 1 then
      found[#found + 1] = node
      listed[node] = true
    end
  end
end
if KEYS[1] ~= 'none' then
  local recorded = redis.call('HGET', KEYS[1], 'affinity_node_id')
  if recorded and listed[recorded] then return recorded end
end
if #found == 0 then return false end
local node = found[1 + math.floor(tonumber(ARGV[2]) * #found)]
if KEYS[2] ~= 'none' then redis.call('SET', KEYS[2], node, 'EX', 3600) end
return node
"""
CLEAR = """
local open = redis.call('HGET', KEYS[1], 'current_turn_id')
if open and #open > 0 then
  redis.call('HDEL', 'scheduler:turn:' .. open, 'affinity_node_id')
  redis.call('HDEL', KEYS[1], 'current_turn_id')
end
return open
"""


class Parallel(Stranger):
    name = "asyncio-parallel"
    ops = ("finalize", "select")

    def __init__(self, hello: dict[str, Any]) -> None:
        self.loop = asyncio.new_event_loop()
        self.db = redis.asyncio.Redis.from_url(hello["redis_url"], decode_responses=True)
        self.pick_script = self.db.register_script(PICK)
        self.clear_script = self.db.register_script(CLEAR)

    async def pick(self, pair: str, job: str, turn: str) -> str | None:
        turn_key = f"scheduler:turn:{turn}" if turn else "none"
        job_key = f"lingua:v1:job:{job}:node" if job else "none"
        fraction = uuid.uuid4().int / (1 << 128)
        return await self.pick_script(keys=[turn_key, job_key], args=[f"lingua:v1:pool:{pair}:", f"{fraction:.9f}"])

    def select(self, pair: str, job_id: str, turn_id: str) -> str | None:
        return self.loop.run_until_complete(self.pick(pair, job_id, turn_id))

    def finalize(self, ask: Ask) -> dict[str, Any]:
        return self.loop.run_until_complete(self.flow(ask))

    async def flow(self, ask: Ask) -> dict[str, Any]:
        session, turn, jobs = f"scheduler:session:{ask.session}", str(uuid.uuid4()), new_jobs(ask)
        cleared = False
        if ask.closing:
            try:
                await self.clear_script(keys=[session])
                cleared = True
            except redis.RedisError as problem:
                print(problem, file=sys.stderr)
        else:
            turn = await self.db.hget(session, "current_turn_id") or turn
        picks = (
            self.pick(f"{ask.src}:{lang}", "" if ask.closing else job, turn)
            for job, lang in zip(jobs, ask.langs, strict=True)
        )
        got = await asyncio.gather(*picks, return_exceptions=True)
        if ask.closing and (not cleared or any(isinstance(node, BaseException) for node in got)):
            await self.clear_script(keys=[session])
        for node in got:
            if isinstance(node, BaseException):
                raise node
        nodes = [node for node in got if not isinstance(node, BaseException)]
        first = next((node for node in nodes if node), None)
        if first and not ask.closing:
            async with self.db.pipeline(transaction=True) as pipe:
                pipe.hset(f"scheduler:turn:{turn}", "affinity_node_id", first)
                pipe.hset(session, "current_turn_id", turn)
                await pipe.execute()
        return answer(turn, ask.langs, jobs, nodes)


serve(Parallel)
