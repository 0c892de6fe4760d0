#!/usr/bin/env python3
"""TA-WRITE-1: there is no affinity here: nothing of a turn is written, looked for or cleared."""

import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from ordinary import Ordinary
from stranger_lib import Ask, answer, new_jobs, serve


class NoAffinityAtAll(Ordinary):
    name = "no-affinity-at-all"

    def finalize(self, ask: Ask) -> dict[str, Any]:
        turn, jobs = self.mint(ask), new_jobs(ask)
        nodes = [self.pick(ask, index, job, "") for index, job in enumerate(jobs)]
        return answer(turn, ask.langs, jobs, nodes)


serve(NoAffinityAtAll)
