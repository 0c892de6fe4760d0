#!/usr/bin/env python3
"""TA-TURN-5: an empty session id is refused where it is used, in the write, after the jobs were bound."""

import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from ordinary import Ordinary
from stranger_lib import Ask, Refused, serve


class EmptySessionCheckedLate(Ordinary):
    name = "empty-session-checked-late"

    def check(self, request: dict[str, Any]) -> Ask:
        if request.get("session_id") == "" and request.get("reason") == "max_duration":
            return super().check({**request, "session_id": "-"})._replace(session="")
        return super().check(request)

    def write(self, session: str, turn: str, node: str) -> None:
        if not session:
            raise Refused("session id")
        super().write(session, turn, node)


serve(EmptySessionCheckedLate)
