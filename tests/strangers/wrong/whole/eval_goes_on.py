#!/usr/bin/env python3
"""TA-TURN-3: the finalize after a manual close goes on under the id of the turn that was closed.

Reading literal.
"""

import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "right" / "whole"))
from eval_text import CLEAR, WRITE, EvalText
from stranger_lib import Ask, serve


class GoesOn(EvalText):
    name = "eval-goes-on"

    def __init__(self, hello: dict[str, Any]) -> None:
        super().__init__(hello)
        self.closed: dict[str, str] = {}

    def run(self, text: str, *arguments: str) -> str | None:
        reply = super().run(text, *arguments)
        if text == CLEAR and reply:
            self.closed[arguments[0]] = reply
        return reply

    def batch(self, ask: Ask) -> dict[str, Any]:
        return super().batch(ask) if ask.session not in self.closed else self.again(ask, self.closed.pop(ask.session))

    def again(self, ask: Ask, turn: str) -> dict[str, Any]:
        made = super().batch(ask)
        first = next(job["node_id"] for job in made["jobs"] if job["node_id"])
        self.run("redis.call('DEL', 'scheduler:turn:' .. ARGV[1])", made["turn_id"])
        self.run(WRITE, ask.session, turn, first)
        return made | {"turn_id": turn}


serve(GoesOn)
