#!/usr/bin/env python3
"""TA-BIND-1: a timeout finalize of a room without other members asks for a job binding."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from ordinary import Ordinary
from stranger_lib import Ask, serve


class BindsTimeoutRooms(Ordinary):
    name = "binds-timeout-rooms"

    def bind(self, ask: Ask) -> bool:
        return super().bind(ask) or (ask.reason == "timeout" and ask.call_site == "room")


serve(BindsTimeoutRooms)
