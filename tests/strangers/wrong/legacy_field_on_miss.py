#!/usr/bin/env python3
"""TA-KEY-3: where the affinity is missing, the old max_duration_node_id of the turn is asked."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from ordinary import Ordinary, turn_key
from stranger_lib import serve


class LegacyFieldOnMiss(Ordinary):
    name = "legacy-field-on-miss"

    def recorded(self, turn: str) -> str:
        node = super().recorded(turn)
        if turn and not node:
            node = str(self.db.hget(turn_key(turn), "max_duration_node_id") or "")
        return node


serve(LegacyFieldOnMiss)
