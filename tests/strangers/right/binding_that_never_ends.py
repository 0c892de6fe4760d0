#!/usr/bin/env python3
"""The key that binds a job to its node has no TTL, which is a warning of TA-BIND-1.

Reading continuous.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from varied import Varied, serve


class BindingThatNeverEnds(Varied):
    """The example, but for the binding."""

    def select_node(self, pair: str, job_id: str | None, turn_id: str | None) -> str | None:
        node = super().select_node(pair, job_id, turn_id)
        if job_id and node:
            self.redis.set(self.key("job", job_id=job_id), node)
        return node


serve(BindingThatNeverEnds)
