#!/usr/bin/env python3
"""TA-SEL-5: a selection that finds its node no candidate reads the affinity once more, in case it has changed."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "right" / "whole"))
from pipelines import Pipelines
from stranger_lib import serve


class Twice(Pipelines):
    name = "pipelines-twice"

    def select(self, pair: str, job_id: str, turn_id: str) -> str | None:
        recorded, found = self.recorded(turn_id), self.candidates([pair])[pair]
        if recorded not in found:
            recorded = self.recorded(turn_id)
        if recorded in found:
            return recorded
        return super().select(pair, job_id, "")


serve(Twice)
