#!/usr/bin/env python3
"""TA-KEY-2: which turn a clear deletes is read from the record of the session's latest job, while there is one."""

import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "right" / "whole"))
from job_machine import JobMachine
from stranger_lib import Ask, serve


class SecondRecord(JobMachine):
    name = "job-machine-second-record"

    def __init__(self, hello: dict[str, Any]) -> None:
        super().__init__(hello)
        self.latest: dict[str, str] = {}

    def go_on(self, ask: Ask) -> dict[str, Any]:
        made = super().go_on(ask)
        self.latest[ask.session] = made["jobs"][-1]["job_id"]
        return made

    def clear(self, ask: Ask) -> None:
        job = self.latest.pop(ask.session, "")
        turn = self.db.hget(f"lingua:v1:job:{job}", "turn_id") if job else None
        if turn is None:
            return super().clear(ask)
        with self.db.pipeline(transaction=True) as pipe:
            pipe.hdel(f"scheduler:turn:{turn}", "affinity_node_id")
            pipe.hdel(f"scheduler:session:{ask.session}", "current_turn_id").execute()
        return None


serve(SecondRecord)
