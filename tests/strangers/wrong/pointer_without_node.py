#!/usr/bin/env python3
"""TA-WRITE-1: a batch in which no job got a node still names its turn in the session."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from ordinary import Ordinary, session_key
from stranger_lib import Ask, serve


class PointerWithoutNode(Ordinary):
    name = "pointer-without-node"

    def batch(self, ask: Ask, jobs: list[str], turn: str) -> list[str | None]:
        nodes = super().batch(ask, jobs, turn)
        if not ask.closing and not any(nodes):
            self.db.hset(session_key(ask.session), "current_turn_id", turn)
        return nodes


serve(PointerWithoutNode)
