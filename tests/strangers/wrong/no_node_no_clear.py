#!/usr/bin/env python3
"""TA-SEL-7 (reading continuous): a closing finalize whose jobs got no node leaves before its clear."""

import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
import redis
from ordinary import Ordinary
from stranger_lib import Ask, answer, new_jobs, serve


class NoNodeNoClear(Ordinary):
    name = "no-node-no-clear"

    def close(self, ask: Ask) -> dict[str, Any]:
        turn, jobs = self.open_turn(ask.session) or self.mint(ask), new_jobs(ask)
        try:
            said = answer(turn, ask.langs, jobs, self.batch(ask, jobs, turn))
        except redis.RedisError:
            self.clear(ask.session)
            raise
        self.clear(ask.session)
        return said


serve(NoNodeNoClear)
