#!/usr/bin/env python3
"""TA-CLEAR-4: the fallback clear stands after the jobs, so that it is skipped when creating one fails."""

import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from ordinary import Ordinary
from stranger_lib import Ask, answer, new_jobs, serve


class FallbackOnlyOnSuccess(Ordinary):
    name = "fallback-only-on-success"

    def close(self, ask: Ask) -> dict[str, Any]:
        self.clear_first(ask)
        turn, jobs = self.mint(ask), new_jobs(ask)
        nodes = self.batch(ask, jobs, turn)
        self.fallback(ask.session)
        return answer(turn, ask.langs, jobs, nodes)


serve(FallbackOnlyOnSuccess)
