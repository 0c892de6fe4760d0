#!/usr/bin/env python3
"""TA-WRITE-2: what a room with groups writes gets a TTL with the job records, the session hash among it.

Reading continuous.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "right" / "whole"))
from stranger_lib import Ask, serve
from work_queue import WorkQueue


class Expires(WorkQueue):
    name = "queue-expires"

    def write(self, ask: Ask, turn: str, node: str) -> None:
        super().write(ask, turn, node)
        if ask.call_site == "groups":
            self.db.expire(f"scheduler:session:{ask.session}", 86_400)


serve(Expires)
