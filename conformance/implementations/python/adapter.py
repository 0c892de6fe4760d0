"""How does a Python scheduler talk to the judge? Requests on stdin, answers on stdout, one JSON object a line."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from typing import Any

import redis
from scheduler import BadRequest, NoNode, Scheduler


class Unsupported(Exception):
    """An op that this adapter does not have."""


class Adapter:
    scheduler: Scheduler | None = None

    def answer(self, request: dict[str, Any]) -> dict[str, Any]:
        """{"ok": ...} or {"error": {"code", "message"}}; members that we do not know are ignored."""
        if request.get("v", 1) != 1:
            message = f"protocol version {request['v']!r} is unknown"
            return {"error": {"code": "bad_request", "message": message, "supported": [1]}}
        try:
            return {"ok": self.carry_out(request)}
        except BadRequest as error:
            return failure("bad_request", error)
        except NoNode as error:
            return failure("no_node", error)
        except Unsupported as error:
            return failure("unsupported", error)
        except redis.RedisError as error:
            return failure("redis", error)
        except Exception as error:
            print(f"adapter: {error!r}", file=sys.stderr)
            return failure("internal", error)

    def carry_out(self, request: dict[str, Any]) -> dict[str, Any]:
        op = request.get("op")
        if op == "hello":
            self.scheduler = Scheduler(request["redis_url"], request.get("reading"), request.get("layout"))
            return {
                "name": "turnaffinity-example-python",
                "version": "1.0",
                "language": "python",
                "ops": ["finalize", "select"],
                "decisions": self.scheduler.choices,
            }
        if op == "bye":
            return {}
        if op not in ("finalize", "select"):
            raise Unsupported(f"there is no op {op!r}")
        if self.scheduler is None:
            raise BadRequest("say hello first")
        if op == "select":
            pair, job_id, turn_id = request.get("pair"), request.get("job_id"), request.get("turn_id")
            if not isinstance(pair, str) or not pair:
                raise BadRequest("pair must be a text such as zh:en")
            return {"node_id": self.scheduler.select_node(pair, job_id, turn_id)}
        members = ("session_id", "reason", "src_lang", "tgt_lang", "room_langs")
        turn_id, jobs = self.scheduler.do_finalize(*(request.get(member) for member in members))
        return {"turn_id": turn_id, "jobs": [asdict(job) for job in jobs]}


def failure(code: str, error: Exception) -> dict[str, Any]:
    return {"error": {"code": code, "message": str(error)}}


def main() -> None:
    adapter = Adapter()
    for line in sys.stdin.buffer:
        try:
            request = json.loads(line)
        except ValueError as error:
            request, answer = {}, failure("bad_request", error)
        else:
            answer = adapter.answer(request)
        print(json.dumps({"id": request.get("id"), **answer}), flush=True)
        if request.get("op") == "bye":
            break


if __name__ == "__main__":
    main()
