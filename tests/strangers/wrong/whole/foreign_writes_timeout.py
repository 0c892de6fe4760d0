#!/usr/bin/env python3
"""TA-WRITE-3: a timeout that found no open turn writes one.

Reading D1=mint,D2=before,D3=after-first-job,D4=overwrite.
"""

import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "right" / "whole"))
from foreign_client import ForeignClient
from stranger_lib import Ask, serve


class WritesTimeout(ForeignClient):
    name = "foreign-writes-timeout"

    def finalize(self, ask: Ask) -> dict[str, Any]:
        session = "scheduler:session:" + ask.session
        (turn,) = self.call("hmget", session, "current_turn_id")
        made = super().finalize(ask)
        if ask.reason == "timeout" and turn == "":
            self.write(session, made["turn_id"], next(job["node_id"] for job in made["jobs"] if job["node_id"]))
        return made


serve(WritesTimeout)
