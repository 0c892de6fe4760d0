#!/usr/bin/env python3
"""TA-FAULT-3: an error in reading the open turn counts as none, so that the speech goes on as a new turn."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
import redis
from varied import Varied, serve


class PointerErrorIsNoTurn(Varied):
    name = "pointer-error-is-no-turn"

    def open_turn(self, session_id: str) -> str | None:
        try:
            return super().open_turn(session_id)
        except redis.RedisError:
            return None


serve(PointerErrorIsNoTurn)
