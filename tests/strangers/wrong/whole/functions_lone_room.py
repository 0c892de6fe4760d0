#!/usr/bin/env python3
"""TA-TURN-2: in a room without other members the job is selected without a turn.

Reading continuous.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "right" / "whole"))
from functions import Functions
from stranger_lib import Ask, serve


class LoneRoom(Functions):
    name = "functions-lone-room"

    def turn_for(self, ask: Ask, turn: str) -> str:
        return "" if ask.call_site == "room" else turn


serve(LoneRoom)
