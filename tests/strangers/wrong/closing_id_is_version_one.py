#!/usr/bin/env python3
"""TA-TURN-1: the id of a timeout finalize comes from uuid1."""

import sys
import uuid
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from ordinary import Ordinary
from stranger_lib import Ask, serve


class ClosingIdIsVersionOne(Ordinary):
    name = "closing-id-is-version-one"

    def mint(self, ask: Ask) -> str:
        return str(uuid.uuid1() if ask.reason == "timeout" else uuid.uuid4())


serve(ClosingIdIsVersionOne)
