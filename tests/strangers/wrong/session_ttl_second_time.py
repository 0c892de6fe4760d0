#!/usr/bin/env python3
"""TA-WRITE-2: the second max_duration finalize of a turn freshens the session hash with EXPIRE."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from ordinary import Ordinary, session_key
from stranger_lib import serve


class SessionTtlSecondTime(Ordinary):
    name = "session-ttl-second-time"

    def write(self, session: str, turn: str, node: str) -> None:
        again = self.open_turn(session) == turn
        super().write(session, turn, node)
        if again:
            self.db.expire(session_key(session), 86_400)


serve(SessionTtlSecondTime)
