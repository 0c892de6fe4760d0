#!/usr/bin/env python3
"""TA-CLEAR-5: the fallback clear, when it finds something to do, deletes the whole session hash."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from ordinary import Ordinary, session_key, turn_key
from stranger_lib import serve


class FallbackDeletesSession(Ordinary):
    name = "fallback-deletes-session"

    def fallback(self, session: str) -> None:
        turn = self.open_turn(session)
        if turn:
            self.db.delete(turn_key(turn), session_key(session))


serve(FallbackDeletesSession)
