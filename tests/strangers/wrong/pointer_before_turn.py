#!/usr/bin/env python3
"""TA-CLEAR-4: clears the pointer first, on its own; if the turn key fails then, the second clear finds no turn."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from ordinary import Ordinary, session_key, turn_key
from stranger_lib import serve


class PointerBeforeTurn(Ordinary):
    name = "pointer-before-turn"

    def clear(self, session: str) -> None:
        turn = self.open_turn(session)
        if turn:
            self.db.hdel(session_key(session), "current_turn_id")
            self.db.hdel(turn_key(turn), "affinity_node_id")


serve(PointerBeforeTurn)
