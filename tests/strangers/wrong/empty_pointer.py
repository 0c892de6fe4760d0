#!/usr/bin/env python3
"""TA-CLEAR-1: a close of a manual finalize leaves an empty current_turn_id instead of none."""

import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from ordinary import Ordinary, session_key
from stranger_lib import Ask, serve


class EmptyPointer(Ordinary):
    name = "empty-pointer"

    reason = ""

    def finalize(self, ask: Ask) -> dict[str, Any]:
        self.reason = ask.reason
        return super().finalize(ask)

    def clear(self, session: str) -> None:
        turn = self.open_turn(session)
        super().clear(session)
        if turn and self.reason == "manual":
            self.db.hset(session_key(session), "current_turn_id", "")


serve(EmptyPointer)
