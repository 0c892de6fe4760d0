#!/usr/bin/env python3
"""TA-TURN-2: in a room with groups every job but the first is selected with an empty turn id."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from ordinary import Ordinary
from stranger_lib import Ask, serve


class GroupJobsLoseTheTurn(Ordinary):
    name = "group-jobs-lose-the-turn"

    def pick(self, ask: Ask, index: int, job: str, turn: str) -> str | None:
        known = turn if ask.call_site != "groups" or index == 0 else ""
        return super().pick(ask, index, job, known)


serve(GroupJobsLoseTheTurn)
