#!/usr/bin/env python3
"""TA-CLEAR-4: an error in the first clear goes straight to the caller; nobody clears again."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from ordinary import Ordinary
from stranger_lib import Ask, serve


class FailedClearEndsAll(Ordinary):
    name = "failed-clear-ends-all"

    def clear_first(self, ask: Ask) -> None:
        self.clear(ask.session)


serve(FailedClearEndsAll)
