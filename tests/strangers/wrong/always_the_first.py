#!/usr/bin/env python3
"""TA-SEL-2: a choice among candidates always takes the first of them."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from varied import Varied, serve


class AlwaysTheFirst(Varied):
    name = "always-the-first"

    def random_node(self, pair: str) -> str | None:
        return next((node for node in sorted(self.pool_nodes(pair)) if self.online(node)), None)


serve(AlwaysTheFirst)
