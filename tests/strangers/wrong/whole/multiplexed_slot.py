#!/usr/bin/env python3
"""TA-CLEAR-8: the connection remembers the turn that was read or written last on it, and a clear deletes that one."""

import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "right" / "whole"))
from multiplexed import Multiplexed
from stranger_lib import serve


class Slot(Multiplexed):
    name = "multiplexed-slot"

    slot = ""

    def do(self, *commands: list[str]) -> list[Any]:
        replies = super().do(*commands)
        for words, reply in zip(commands, replies, strict=True):
            if words[-1] == "current_turn_id" and words[0] == "HGET":
                self.slot = reply or self.slot
            elif words[-2:-1] == ["current_turn_id"]:
                self.slot = words[-1]
        return replies

    def clear(self, session: str) -> None:
        latest = self.slot
        (turn,) = self.do(["HGET", session, "current_turn_id"])
        if turn:
            halves = (
                ["HDEL", f"scheduler:turn:{latest or turn}", "affinity_node_id"],
                ["HDEL", session, "current_turn_id"],
            )
            self.do(["MULTI"], *halves, ["EXEC"])


serve(Slot)
