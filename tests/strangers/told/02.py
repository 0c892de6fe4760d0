# WRONG: The clear script puts EXPIRE 1800 on the session hash when it has ended a turn, "since the session is idle now" (TA-WRITE-2).
"""Everything that must be one step is one script; Python only carries arguments."""

from __future__ import annotations

import json
import secrets
import sys
from uuid import uuid4

from redis import Redis
from redis.exceptions import RedisError

BEGIN = """
-- KEYS: session. ARGV: field, fresh id. The open turn's id, or the fresh one.
local open = redis.call('HGET', KEYS[1], ARGV[1])
if open and #open > 0 then return open end
return ARGV[2]
"""

PICK = """
-- ARGV: pair, job, turn, random number, job key, job ttl, turn key, affinity field, node template, pools template,
-- pool template (with a hole \\1 each)
local function fill(template, value) return (string.gsub(template, '\\1', function() return value end)) end
local function up(id) return redis.call('EXISTS', fill(ARGV[9], id)) == 1 end
local function serves(id)
  local pool = redis.call('HGET', fill(ARGV[10], id), ARGV[1])
  return pool and redis.call('SISMEMBER', fill(ARGV[11], pool), id) == 1
end
if ARGV[2] ~= '' then
  local already = redis.call('GET', ARGV[5])
  if already then
    if up(already) then return already end
    redis.call('DEL', ARGV[5])
  end
end
if ARGV[3] ~= '' then
  local sticky = redis.call('HGET', ARGV[7], ARGV[8])
  if sticky and sticky ~= '' and up(sticky) and serves(sticky) then return sticky end
end
local all = {}
for window = 0, 19 do
  local here = 0
  for id = window * 50, window * 50 + 49 do
    local members = redis.call('SMEMBERS', fill(ARGV[11], tostring(id)))
    here = here + #members
    for _, member in ipairs(members) do
      if up(member) then table.insert(all, member) end
    end
  end
  if here == 0 then break end
end
if #all == 0 then return nil end
local chosen = all[tonumber(ARGV[4]) % #all + 1]
if ARGV[2] ~= '' then redis.call('SET', ARGV[5], chosen, 'EX', tonumber(ARGV[6])) end
return chosen
"""

RECORD = """
redis.call('HSET', KEYS[2], ARGV[2], ARGV[4])
redis.call('HSET', KEYS[1], ARGV[1], ARGV[3])
return 1
"""

CLOSE = """
-- KEYS: session. ARGV: current field, affinity field, turn template
local open = redis.call('HGET', KEYS[1], ARGV[1])
if not open then return 0 end
if open ~= '' then
  local key = string.gsub(ARGV[3], '\\1', function() return open end)
  redis.call('HDEL', key, ARGV[2])
end
redis.call('HDEL', KEYS[1], ARGV[1])
redis.call('EXPIRE', KEYS[1], 1800)
return 1
"""


class ProtocolError(Exception):
    def __init__(self, code: str, message: str, **more: object) -> None:
        super().__init__(message)
        self.body = {"code": code, "message": message, **more}


class Names:
    turn = "scheduler:turn:{turn_id}"
    session = "scheduler:session:{session_id}"
    node = "lingua:v1:node:{node_id}"
    node_pools = "lingua:v1:node:{node_id}:pools"
    pool = "lingua:v1:pool:{pair}:{pool_id}:nodes"
    job = "lingua:v1:job:{job_id}:node"
    affinity_field = "affinity_node_id"
    current_turn_field = "current_turn_id"
    job_ttl_s = 3600

    def __init__(self, given: dict | None) -> None:
        for name, value in (given or {}).items():
            setattr(self, name, value)


class TurnScheduler:
    HOLE = "\x01"

    def __init__(self, url: str, layout: dict | None) -> None:
        self.names = Names(layout)
        self.redis = Redis.from_url(url, decode_responses=True, encoding_errors="surrogateescape")
        self.begin = self.redis.register_script(BEGIN)
        self.pick = self.redis.register_script(PICK)
        self.record = self.redis.register_script(RECORD)
        self.close = self.redis.register_script(CLOSE)

    def choose(self, pair: str, job: str, turn: str) -> str | None:
        n = self.names
        return self.pick(
            keys=[],
            args=[
                pair,
                job,
                turn,
                secrets.randbelow(2**31),
                n.job.format(job_id=job),
                n.job_ttl_s,
                n.turn.format(turn_id=turn),
                n.affinity_field,
                n.node.format(node_id=self.HOLE),
                n.node_pools.format(node_id=self.HOLE),
                n.pool.format(pair=pair, pool_id=self.HOLE),
            ],
        )

    def end_turn(self, session_key: str) -> None:
        n = self.names
        self.close(keys=[session_key], args=[n.current_turn_field, n.affinity_field, n.turn.format(turn_id=self.HOLE)])

    def jobs(self, turn: str, pairs: list[tuple[str, str]], bound: bool) -> list[dict]:
        made = []
        for source, target in pairs:
            job = str(uuid4())
            node = self.choose(f"{source}:{target}", job if bound else "", turn)
            made.append({"job_id": job, "tgt_lang": target, "node_id": node})
        return made

    def long_speech(self, session_key: str, pairs: list[tuple[str, str]]) -> tuple[str, list[dict]]:
        n = self.names
        turn = self.begin(keys=[session_key], args=[n.current_turn_field, str(uuid4())])
        made = self.jobs(turn, pairs, bound=True)
        for job in made:
            if job["node_id"]:
                self.record(
                    keys=[session_key, n.turn.format(turn_id=turn)],
                    args=[n.current_turn_field, n.affinity_field, turn, job["node_id"]],
                )
                break
        return turn, made

    def last_words(self, session_key: str, pairs: list[tuple[str, str]]) -> tuple[str, list[dict]]:
        try:
            self.end_turn(session_key)
        except RedisError as error:
            print(f"first clear: {error}", file=sys.stderr)
        turn = str(uuid4())
        try:
            return turn, self.jobs(turn, pairs, bound=False)
        finally:
            self.end_turn(session_key)

    def finalize(self, message: dict) -> dict:
        session, reason = message.get("session_id"), message.get("reason")
        handlers = {"manual": self.last_words, "timeout": self.last_words, "max_duration": self.long_speech}
        if not session or not isinstance(session, str):
            raise ProtocolError("bad_request", "a session id is needed")
        if not isinstance(reason, str) or reason not in handlers:
            raise ProtocolError("bad_request", f"reason {reason!r} is not one of the three")
        source, others = message.get("src_lang"), message.get("room_langs")
        targets: list = []
        for target in others or [message.get("tgt_lang")]:
            if target not in targets:
                targets.append(target)
        for tag in [source, *targets]:
            if not isinstance(tag, str) or tag == "" or ":" in tag:
                raise ProtocolError("bad_request", f"language {tag!r}")
        session_key = self.names.session.format(session_id=session)
        turn, made = handlers[reason](session_key, [(source, target) for target in targets])
        if all(job["node_id"] is None for job in made):
            raise ProtocolError("no_node", "nobody serves this")
        return {"turn_id": turn, "jobs": made}

    def select(self, message: dict) -> dict:
        if not message.get("pair"):
            raise ProtocolError("bad_request", "pair")
        return {"node_id": self.choose(message["pair"], message.get("job_id") or "", message.get("turn_id") or "")}


class Server:
    def __init__(self) -> None:
        self.scheduler: TurnScheduler | None = None

    def op_hello(self, message: dict) -> dict:
        self.scheduler = TurnScheduler(message["redis_url"], message.get("layout"))
        return {
            "name": "scripts-only",
            "version": "2",
            "language": "python",
            "ops": ["finalize", "select"],
            "decisions": {"D1": "reuse", "D2": "before", "D3": "after-batch", "D4": "overwrite"},
        }

    def op_bye(self, message: dict) -> dict:
        return {}

    def op_finalize(self, message: dict) -> dict:
        return self.ready().finalize(message)

    def op_select(self, message: dict) -> dict:
        return self.ready().select(message)

    def ready(self) -> TurnScheduler:
        if self.scheduler is None:
            raise ProtocolError("bad_request", "hello comes first")
        return self.scheduler

    def reply(self, message: dict) -> dict:
        try:
            if message.get("v", 1) != 1:
                raise ProtocolError("bad_request", "version", supported=[1])
            handler = getattr(self, f"op_{message.get('op')}", None)
            if handler is None:
                raise ProtocolError("unsupported", f"{message.get('op')!r}")
            return {"ok": handler(message)}
        except ProtocolError as error:
            return {"error": error.body}
        except RedisError as error:
            return {"error": {"code": "redis", "message": str(error)}}
        except Exception as error:
            return {"error": {"code": "internal", "message": repr(error)}}

    def run(self) -> None:
        for line in sys.stdin:
            try:
                message = dict(json.loads(line))
            except (ValueError, TypeError):
                answer = {"id": None, "error": {"code": "bad_request", "message": "one JSON object a line"}}
                message = {}
            else:
                answer = {"id": message.get("id"), **self.reply(message)}
            sys.stdout.write(json.dumps(answer) + "\n")
            sys.stdout.flush()
            if message.get("op") == "bye":
                return


if __name__ == "__main__":
    Server().run()
