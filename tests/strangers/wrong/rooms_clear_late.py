#!/usr/bin/env python3
"""TA-CLEAR-3: a closing finalize of a room with groups clears only after its jobs."""

import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from ordinary import PRESETS, Ordinary
from stranger_lib import Ask, serve


class RoomsClearLate(Ordinary):
    name = "rooms-clear-late"

    def close(self, ask: Ask) -> dict[str, Any]:
        late = ask.call_site == "groups"
        self.choices = {**PRESETS["intent"], "D2": "after" if late else "before"}
        return super().close(ask)


serve(RoomsClearLate)
