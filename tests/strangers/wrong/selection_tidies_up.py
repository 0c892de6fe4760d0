#!/usr/bin/env python3
"""TA-SEL-6: a selection that finds its recorded node offline deletes the stale affinity on the way."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from ordinary import Ordinary, turn_key
from stranger_lib import serve


class SelectionTidiesUp(Ordinary):
    name = "selection-tidies-up"

    def recorded(self, turn: str) -> str:
        node = super().recorded(turn)
        if node and not self.online(node):
            self.db.hdel(turn_key(turn), "affinity_node_id")
        return node


serve(SelectionTidiesUp)
