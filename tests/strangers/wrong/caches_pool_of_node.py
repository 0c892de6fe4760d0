#!/usr/bin/env python3
"""TA-SEL-4: what pair a node serves is looked up once and then remembered."""

import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from ordinary import Ordinary
from stranger_lib import serve


class CachesPoolOfNode(Ordinary):
    name = "caches-pool-of-node"

    def __init__(self, hello: dict[str, Any]) -> None:
        super().__init__(hello)
        self.known: set[tuple[str, str]] = set()

    def serves(self, node: str, pair: str) -> bool:
        if (node, pair) in self.known:
            return self.online(node)
        if super().serves(node, pair):
            self.known.add((node, pair))
        return (node, pair) in self.known


serve(CachesPoolOfNode)
