# WRONG: In a max_duration batch of several languages only the first job asks for its job-level binding (TA-BIND-1).
"""The scheduler on asyncio, since the service around it is."""

import asyncio
import json
import random
import sys
import uuid

import redis.asyncio as aredis
from redis.exceptions import RedisError


class Refuse(Exception):
    pass


class NoNode(Exception):
    pass


CLEAR = """
local t = redis.call('HGET', KEYS[1], ARGV[1])
if t and t ~= '' then
  redis.call('HDEL', ARGV[2] .. t .. ARGV[3], ARGV[4])
end
if t then redis.call('HDEL', KEYS[1], ARGV[1]) end
return t
"""


class AsyncScheduler:
    def __init__(self, url, layout):
        self.layout = layout
        self.db = aredis.from_url(url, decode_responses=True, encoding_errors="surrogateescape")

    async def nodes_of(self, pair):
        found = []
        for base in range(0, 1000, 50):
            pipe = self.db.pipeline(transaction=False)
            for n in range(base, base + 50):
                pipe.smembers(self.layout["pool"].format(pair=pair, pool_id=n))
            here = [node for group in await pipe.execute() for node in group]
            if not here:
                break
            found.extend(here)
        return list(dict.fromkeys(found))

    async def online(self, nodes):
        if not nodes:
            return []
        pipe = self.db.pipeline(transaction=False)
        for node in nodes:
            pipe.exists(self.layout["node"].format(node_id=node))
        flags = await pipe.execute()
        return [node for node, flag in zip(nodes, flags) if flag]

    async def pick(self, pair, turn_id, job_id, bind):
        nodes = await self.online(await self.nodes_of(pair))
        if not nodes:
            return None
        stuck = await self.db.hget(self.layout["turn"].format(turn_id=turn_id), self.layout["affinity_field"])
        node = stuck if stuck in nodes else random.choice(nodes)
        if bind:
            await self.db.set(self.layout["job"].format(job_id=job_id), node, ex=self.layout["job_ttl_s"])
        return node

    async def batch(self, turn_id, src, targets, bind):
        jobs = []
        for index, target in enumerate(targets):
            job_id = f"{turn_id[:8]}.{index}.{uuid.uuid4().hex}"
            node = await self.pick(f"{src}:{target}", turn_id, job_id, bind and index == 0)
            jobs.append({"job_id": job_id, "tgt_lang": target, "node_id": node})
        return jobs

    async def clear(self, session_key):
        before, after = self.layout["turn"].format(turn_id="\n").split("\n")
        await self.db.eval(
            CLEAR, 1, session_key, self.layout["current_turn_field"], before, after, self.layout["affinity_field"]
        )

    async def max_duration(self, session_key, src, targets):
        turn_id = await self.db.hget(session_key, self.layout["current_turn_field"])
        if not turn_id:
            turn_id = str(uuid.uuid4())
        jobs = await self.batch(turn_id, src, targets, bind=True)
        node = next((job["node_id"] for job in jobs if job["node_id"]), None)
        if node:
            async with self.db.pipeline(transaction=True) as pipe:
                pipe.hset(self.layout["turn"].format(turn_id=turn_id), self.layout["affinity_field"], node)
                pipe.hset(session_key, self.layout["current_turn_field"], turn_id)
                await pipe.execute()
        return turn_id, jobs

    async def ending(self, session_key, src, targets):
        try:
            await self.clear(session_key)
        except RedisError as error:
            print(f"will clear later: {error}", file=sys.stderr)
        turn_id = str(uuid.uuid4())
        try:
            return turn_id, await self.batch(turn_id, src, targets, bind=False)
        finally:
            await self.clear(session_key)

    async def finalize(self, session_id, reason, src_lang, tgt_lang, room_langs):
        ways = {"max_duration": self.max_duration, "manual": self.ending, "timeout": self.ending}
        if not session_id or not isinstance(session_id, str):
            raise Refuse("session_id")
        if reason not in ways:
            raise Refuse("reason")
        targets = list(dict.fromkeys(room_langs)) if room_langs else [tgt_lang]
        for tag in [src_lang] + targets:
            if not tag or not isinstance(tag, str) or ":" in tag:
                raise Refuse("language")
        session_key = self.layout["session"].format(session_id=session_id)
        turn_id, jobs = await ways[reason](session_key, src_lang, targets)
        if not [job for job in jobs if job["node_id"]]:
            raise NoNode("none of the jobs got a node")
        return {"turn_id": turn_id, "jobs": jobs}


async def main():
    scheduler = None
    loop = asyncio.get_running_loop()
    while True:
        line = await loop.run_in_executor(None, sys.stdin.readline)
        if not line:
            return
        message = {}
        try:
            message = json.loads(line)
            op = message.get("op")
            if message.get("v", 1) != 1:
                out = {"error": {"code": "bad_request", "message": "version", "supported": [1]}}
            elif op == "hello":
                scheduler = AsyncScheduler(message["redis_url"], message["layout"])
                out = {"ok": {"name": "aio", "version": "1", "language": "python", "ops": ["finalize"]}}
            elif op == "bye":
                out = {"ok": {}}
            elif op != "finalize":
                out = {"error": {"code": "unsupported", "message": str(op)}}
            elif scheduler is None:
                raise Refuse("hello?")
            else:
                names = ("session_id", "reason", "src_lang", "tgt_lang", "room_langs")
                out = {"ok": await scheduler.finalize(**{name: message.get(name) for name in names})}
        except NoNode as error:
            out = {"error": {"code": "no_node", "message": str(error)}}
        except (Refuse, json.JSONDecodeError) as error:
            out = {"error": {"code": "bad_request", "message": str(error)}}
        except RedisError as error:
            out = {"error": {"code": "redis", "message": str(error)}}
        except Exception as error:
            out = {"error": {"code": "internal", "message": repr(error)}}
        print(json.dumps({"id": message.get("id"), **out}), flush=True)
        if message.get("op") == "bye":
            if scheduler:
                await scheduler.db.aclose()
            return


asyncio.run(main())
