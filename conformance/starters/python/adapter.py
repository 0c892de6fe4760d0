"""How does the judge reach our scheduler? Requests on stdin, answers on stdout, one JSON object a line; log: stderr."""

import json
import sys

REASONS = ("manual", "timeout", "max_duration")


class Refused(Exception):
    """An answer with an error: `no_node`, `bad_request`, `unsupported`, `redis` or `internal`, and a message."""


def hello(request):
    if request.get("v") != 1:
        raise Refused("bad_request", "this adapter speaks version 1")
    # Connect to request["redis_url"], and use the key names in request["layout"].
    return {"name": "my-scheduler", "version": "0.1", "language": "python", "ops": ["finalize"]}


def finalize(request):
    langs = [request["src_lang"], *(request["room_langs"] or [request["tgt_lang"]])]
    if not request["session_id"] or request["reason"] not in REASONS or any(not tag or ":" in tag for tag in langs):
        raise Refused("bad_request", "a session, one of the three reasons, and language tags are needed")  # TA-TURN-5
    # Call your scheduler here. In the note's order:
    # 1. manual and timeout: clear the open turn (TA-CLEAR-1)
    # 2. settle the turn id, a UUID v4 (TA-TURN-1)
    # 3. create one job for each distinct language, each selected under that id (TA-TURN-2, TA-TURN-6)
    # 4. max_duration: write the affinity and current_turn_id (TA-WRITE-1); else clear once more (TA-CLEAR-4)
    # and answer {"turn_id": "...", "jobs": [{"job_id": "...", "tgt_lang": "en", "node_id": "n1"}]}
    raise Refused("unsupported", "finalize is not written yet")


def answer(request):
    operation = {"hello": hello, "finalize": finalize, "bye": lambda _: {}}.get(request.get("op"))
    try:
        if operation is None:
            raise Refused("unsupported", f"there is no op {request.get('op')!r}")
        return {"id": request.get("id"), "ok": operation(request)}
    except Refused as refused:
        code, message = refused.args
        return {"id": request.get("id"), "error": {"code": code, "message": message, "supported": [1]}}
    except Exception as error:
        print(f"adapter: {error!r}", file=sys.stderr)
        return {"id": request.get("id"), "error": {"code": "internal", "message": repr(error)}}


for line in sys.stdin:
    said = json.loads(line)
    print(json.dumps(answer(said)), flush=True)
    if said.get("op") == "bye":
        break
