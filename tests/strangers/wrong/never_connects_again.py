#!/usr/bin/env python3
"""TA-FAULT-8: a connection that broke is never opened again: from then on each finalize is an error."""

import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
import redis
from varied import Varied, serve


class NeverConnectsAgain(Varied):
    name = "never-connects-again"

    def init(self) -> None:
        self.broken = False

    def do_finalize(self, *given: Any) -> Any:
        if self.broken:
            raise redis.ConnectionError("the connection is gone")
        try:
            return super().do_finalize(*given)
        except redis.ConnectionError:
            self.broken = True
            raise


serve(NeverConnectsAgain)
