#!/usr/bin/env python3
"""Keeps keys of its own: job records that expire, counters, a lock, idempotency keys, a stream.

Nothing of it is read back. Reading intent.
"""

import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from varied import Varied, serve


class KeepsItsOwnBooks(Varied):
    """The example; each job has a record with its turn and its node in it, which nothing here reads back."""

    def create_job_with_minimal_scheduler(self, src_lang: str, tgt_lang: str, turn_id: str, *, bind: bool) -> Any:
        job = super().create_job_with_minimal_scheduler(src_lang, tgt_lang, turn_id, bind=bind)
        record = f"lingua:v1:job:{job.job_id}"
        fields = {"session_id": self.session, "turn_id": turn_id, "node_id": job.node_id or "", "state": "new"}
        self.redis.hset(record, mapping=fields | {"src_lang": src_lang, "tgt_lang": tgt_lang})
        self.redis.expire(record, 600)
        self.redis.incr("lingua:v1:metrics:jobs")
        return job

    def do_finalize(self, session_id: str, reason: str, *rest: Any) -> Any:
        self.redis.incr(f"lingua:v1:metrics:finalizes:{reason}")
        lock = f"lingua:v1:lock:{session_id}"
        self.redis.set(lock, "1", nx=True, px=9000)
        try:
            turn_id, jobs = super().do_finalize(session_id, reason, *rest)
        finally:
            self.redis.delete(lock)
        self.redis.set(f"lingua:v1:idempotency:{session_id}:{self.n}", turn_id, ex=60)
        self.redis.xadd("lingua:v1:finalized", {"session": session_id, "reason": reason, "jobs": len(jobs)})
        return turn_id, jobs


serve(KeepsItsOwnBooks)
