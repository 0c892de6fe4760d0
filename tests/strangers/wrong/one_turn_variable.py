#!/usr/bin/env python3
"""TA-CLEAR-8: the open turn that a clear deletes is the one written last, by whatever session."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from ordinary import Ordinary, session_key, turn_key
from stranger_lib import serve


class OneTurnVariable(Ordinary):
    name = "one-turn-variable"

    latest = ""

    def write(self, session: str, turn: str, node: str) -> None:
        super().write(session, turn, node)
        self.latest = turn

    def clear(self, session: str) -> None:
        if self.open_turn(session):
            with self.db.pipeline() as pipe:
                pipe.hdel(turn_key(self.latest or self.open_turn(session)), "affinity_node_id")
                pipe.hdel(session_key(session), "current_turn_id").execute()


serve(OneTurnVariable)
