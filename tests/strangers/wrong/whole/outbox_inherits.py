#!/usr/bin/env python3
"""TA-NEVER-2: a session's new turn begins at its last turn's node.

Reading D1=reuse,D2=after,D3=after-first-job,D4=repair.
"""

import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "right" / "whole"))
from outbox import Outbox
from stranger_lib import Ask, serve


class Inherits(Outbox):
    name = "outbox-inherits"

    def __init__(self, hello: dict[str, Any]) -> None:
        super().__init__(hello)
        self.last: dict[str, str] = {}

    def fresh(self, ask: Ask) -> str:
        turn = super().fresh(ask)
        if not ask.closing and (node := self.last.get(ask.session)):
            self.db.hset(f"scheduler:turn:{turn}", "affinity_node_id", node)
        return turn

    def clear(self, ask: Ask, session: str, turn: str) -> None:
        self.last[ask.session] = self.recorded(turn)
        super().clear(ask, session, turn)


serve(Inherits)
