#!/usr/bin/env python3
"""TA-WRITE-5: under intent, a recorded node that is online is not overwritten."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from ordinary import Ordinary
from stranger_lib import serve


class KeepsNodeWhileItLives(Ordinary):
    name = "keeps-node-while-it-lives"

    def write(self, session: str, turn: str, node: str) -> None:
        recorded = self.recorded(turn)
        super().write(session, turn, recorded if self.online(recorded) else node)


serve(KeepsNodeWhileItLives)
