#!/usr/bin/env python3
"""TA-SEL-7: a pair with no pool is served by the reversed one.

Reading D1=reuse,D2=before,D3=after-first-job,D4=write-once.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "right" / "whole"))
from resp3_tracking import Resp3Tracking
from stranger_lib import serve


class Reversed(Resp3Tracking):
    name = "tracking-reversed"

    def candidates(self, pair: str) -> list[str]:
        source, _, target = pair.partition(":")
        return super().candidates(pair) or super().candidates(f"{target}:{source}")


serve(Reversed)
