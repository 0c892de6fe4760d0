"""What if nothing is claimed, so that nothing can fail? Offers both operations, and supports neither."""

from __future__ import annotations

import json
import sys


def main() -> None:
    for line in sys.stdin:
        request = json.loads(line)
        if request["op"] == "bye":
            return
        if request.get("v", 1) != 1:
            body: dict[str, object] = {
                "error": {"code": "bad_request", "message": "an unknown version", "supported": [1]}
            }
        elif request["op"] == "hello":
            ops = ["finalize", "select"]
            body = {"ok": {"name": "modest", "version": "1", "language": "python", "ops": ops}}
        else:
            body = {"error": {"code": "unsupported", "message": "not here"}}
        print(json.dumps({"id": request["id"], **body}), flush=True)


if __name__ == "__main__":
    main()
