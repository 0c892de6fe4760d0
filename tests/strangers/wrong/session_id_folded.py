#!/usr/bin/env python3
"""TA-KEY-2: session ids are folded to lower case on their way to Redis."""

import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from ordinary import Ordinary
from stranger_lib import Ask, serve


class SessionIdFolded(Ordinary):
    name = "session-id-folded"

    def finalize(self, ask: Ask) -> dict[str, Any]:
        return super().finalize(ask._replace(session=ask.session.lower()))


serve(SessionIdFolded)
