#!/usr/bin/env python3
"""TA-WRITE-1: records the first job's node; where that job got none, nothing is written."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from ordinary import Ordinary
from stranger_lib import serve


class FirstJobOrNothing(Ordinary):
    name = "first-job-or-nothing"

    def to_record(self, nodes: list[str | None]) -> str | None:
        return nodes[0]


serve(FirstJobOrNothing)
