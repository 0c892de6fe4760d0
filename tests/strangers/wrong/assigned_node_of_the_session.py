#!/usr/bin/env python3
"""TA-NEVER-3: where the turn records no node, the session's assigned_node_id is asked.

Reading continuous.
"""

import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from varied import Varied, serve


class AssignedNodeOfTheSession(Varied):
    name = "assigned-node-of-the-session"

    session = ""

    def do_finalize(self, *given: Any) -> Any:
        try:
            return super().do_finalize(*given)
        finally:
            self.session = ""

    def affinity_node(self, pair: str, turn_id: str | None) -> str | None:
        if not self.session or not turn_id or self.redis.hget(self.tkey(turn_id), self.af):
            return super().affinity_node(pair, turn_id)
        assigned = self.redis.hget(self.skey(), "assigned_node_id")
        serves = (
            assigned and self.online(assigned) and self.redis.hexists(self.key("node_pools", node_id=assigned), pair)
        )
        return str(assigned) if serves else None


serve(AssignedNodeOfTheSession)
