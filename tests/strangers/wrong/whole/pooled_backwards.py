#!/usr/bin/env python3
"""TA-WRITE-1: the jobs are selected from the last to the first, so that the last one is recorded.

Reading continuous.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "right" / "whole"))
from pooled import Pooled
from stranger_lib import serve


class Backwards(Pooled):
    name = "pooled-backwards"

    def order(self, jobs: list[str], langs: list[str]) -> list[tuple[str, str]]:
        return super().order(jobs, langs)[::-1]


serve(Backwards)
