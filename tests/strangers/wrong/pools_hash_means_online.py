#!/usr/bin/env python3
"""TA-SEL-3: the recorded node counts as online while its pools hash is there."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from ordinary import Ordinary
from stranger_lib import serve


class PoolsHashMeansOnline(Ordinary):
    name = "pools-hash-means-online"

    def serves(self, node: str, pair: str) -> bool:
        return bool(self.db.hexists(f"lingua:v1:node:{node}:pools", pair))


serve(PoolsHashMeansOnline)
