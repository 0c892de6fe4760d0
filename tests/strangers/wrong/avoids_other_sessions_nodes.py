#!/usr/bin/env python3
"""TA-SEL-8: a random choice never takes the node that was drawn last, if that was for another session."""

import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from ordinary import Ordinary
from stranger_lib import Ask, serve


class AvoidsOtherSessionsNodes(Ordinary):
    name = "avoids-other-sessions-nodes"

    session, last = "", ("", "")

    def finalize(self, ask: Ask) -> dict[str, Any]:
        self.session = ask.session
        return super().finalize(ask)

    def draw(self, found: list[str]) -> str:
        owner, node = self.last
        rest = found if owner == self.session else [other for other in found if other != node]
        self.last = (self.session, super().draw(rest or found))
        return self.last[1]


serve(AvoidsOtherSessionsNodes)
