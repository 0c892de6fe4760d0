"""What if the flow is played in memory alone? Turns, jobs and refusals as they should be, and no byte sent to Redis."""

from __future__ import annotations

import json
import sys
import uuid
from typing import Any

OPEN: dict[str, str] = {}


def finalize(request: dict[str, Any]) -> dict[str, Any]:
    session, reason = request["session_id"], request["reason"]
    langs = list(dict.fromkeys(request["room_langs"] or [request["tgt_lang"]]))
    if not session or reason not in ("manual", "timeout", "max_duration"):
        return {"error": {"code": "bad_request", "message": "refused"}}
    if any(not lang or ":" in lang for lang in (request["src_lang"], *langs)):
        return {"error": {"code": "bad_request", "message": "refused"}}
    if reason == "max_duration":
        turn = OPEN.setdefault(session, str(uuid.uuid4()))
    else:
        OPEN.pop(session, None)
        turn = str(uuid.uuid4())
    jobs = [{"job_id": str(uuid.uuid4()), "tgt_lang": lang, "node_id": f"node-of-{session}"} for lang in langs]
    return {"ok": {"turn_id": turn, "jobs": jobs}}


def main() -> None:
    for line in sys.stdin:
        request = json.loads(line)
        if request["op"] == "bye":
            return
        if request.get("v", 1) != 1:
            body: dict[str, Any] = {"error": {"code": "bad_request", "message": "an unknown version", "supported": [1]}}
        elif request["op"] == "hello":
            body = {"ok": {"name": "memory", "version": "1", "language": "python", "ops": ["finalize"]}}
        elif request["op"] == "finalize":
            body = finalize(request)
        else:
            body = {"error": {"code": "unsupported", "message": "only finalize"}}
        print(json.dumps({"id": request["id"], **body}), flush=True)


if __name__ == "__main__":
    main()
