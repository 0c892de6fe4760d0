#!/usr/bin/env python3
"""TA-KEY-2: once it has seen a session, its own memory says which turn is open, whatever the hash says."""

import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from ordinary import Ordinary
from stranger_lib import serve


class RemembersOpenTurn(Ordinary):
    name = "remembers-open-turn"

    def __init__(self, hello: dict[str, Any]) -> None:
        super().__init__(hello)
        self.turns: dict[str, str] = {}

    def open_turn(self, session: str) -> str:
        return self.turns.get(session) or super().open_turn(session)

    def write(self, session: str, turn: str, node: str) -> None:
        super().write(session, turn, node)
        self.turns[session] = turn

    def clear(self, session: str) -> None:
        super().clear(session)
        self.turns.pop(session, None)


serve(RemembersOpenTurn)
