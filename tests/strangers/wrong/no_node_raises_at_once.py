#!/usr/bin/env python3
"""TA-TURN-6: a job that finds no node raises at once, and the rest of its batch never comes to be.

A second mistake is TA-SEL-7's: a close whose jobs raised, or got no node, does not clear. Reading continuous.
"""

import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from varied import Varied, scheduler, serve


class NoNodeRaisesAtOnce(Varied):
    name = "no-node-raises-at-once"

    def create_job_with_minimal_scheduler(self, src_lang: str, tgt_lang: str, turn_id: str, *, bind: bool) -> Any:
        job = super().create_job_with_minimal_scheduler(src_lang, tgt_lang, turn_id, bind=bind)
        if job.node_id is None:
            raise scheduler.NoNode(f"no node serves {src_lang}:{tgt_lang}")
        return job

    def close_turn(self, session_id: str, src: str, tgt: str, room: list[str] | None) -> Any:
        turn_id = self.open_turn(session_id) or str(scheduler.uuid.uuid4())
        langs = scheduler.batch_langs(tgt, room)
        jobs = [self.create_job_with_minimal_scheduler(src, lang, turn_id, bind=False) for lang in langs]
        if any(job.node_id for job in jobs):
            self.clear_affinity(session_id)
        return turn_id, jobs


serve(NoNodeRaisesAtOnce)
