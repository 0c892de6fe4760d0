#!/usr/bin/env python3
"""TA-TURN-3: a timeout finalize clears, and then runs its jobs under the id it has just closed."""

import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from ordinary import Ordinary
from stranger_lib import Ask, serve


class TimeoutKeepsClosedId(Ordinary):
    name = "timeout-keeps-closed-id"

    def close(self, ask: Ask) -> dict[str, Any]:
        self.before = self.open_turn(ask.session)
        return super().close(ask)

    def mint(self, ask: Ask) -> str:
        return (ask.reason == "timeout" and self.before) or super().mint(ask)


serve(TimeoutKeepsClosedId)
