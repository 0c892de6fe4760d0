#!/usr/bin/env python3
"""TA-WRITE-3: a timeout finalize writes like a max_duration one; its fallback clear hides that at once."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from ordinary import Ordinary
from stranger_lib import Ask, serve


class TimeoutWritesToo(Ordinary):
    name = "timeout-writes-too"

    def batch(self, ask: Ask, jobs: list[str], turn: str) -> list[str | None]:
        nodes = super().batch(ask, jobs, turn)
        node = self.to_record(nodes)
        if ask.reason == "timeout" and node:
            self.write(ask.session, turn, node)
        return nodes


serve(TimeoutWritesToo)
