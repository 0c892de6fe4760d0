#!/usr/bin/env python3
"""TA-NEVER-1: PERSIST on the turn key when the affinity moves to another node, to be sure that no TTL is left."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from ordinary import Ordinary, turn_key
from stranger_lib import serve


class PersistsTurnKey(Ordinary):
    name = "persists-turn-key"

    def write(self, session: str, turn: str, node: str) -> None:
        before = self.recorded(turn)
        super().write(session, turn, node)
        if before and before != node:
            self.db.persist(turn_key(turn))


serve(PersistsTurnKey)
