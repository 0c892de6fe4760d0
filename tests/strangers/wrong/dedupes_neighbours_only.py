#!/usr/bin/env python3
"""TA-TURN-6: drops a language only where it equals the one just before it."""

import itertools
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from ordinary import Ordinary
from stranger_lib import Ask, serve


class DedupesNeighboursOnly(Ordinary):
    name = "dedupes-neighbours-only"

    def check(self, request: dict[str, Any]) -> Ask:
        ask = super().check(request)
        room = request.get("room_langs")
        return ask._replace(langs=[lang for lang, _ in itertools.groupby(room)]) if room else ask


serve(DedupesNeighboursOnly)
