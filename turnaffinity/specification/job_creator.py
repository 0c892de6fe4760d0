"""Which jobs does one finalize create, and on which nodes? (job_creator.rs)"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from turnaffinity.contract.answers import Job
from turnaffinity.specification.pool_service import SelectsNodes

JobCreated = Callable[[Job], None]
"""Told of each job as soon as it exists, before the next one is created (D3)."""


def create_translation_jobs(
    pool_service: SelectsNodes,
    new_job_id: Callable[[], str],
    src_lang: str,
    tgt_lang: str,
    room_langs: Sequence[str] | None,
    *,
    bind: bool,
    turn_id: str,
    job_created: JobCreated,
) -> tuple[Job, ...]:
    """The jobs of one batch, in order, all under one turn id (TA-TURN-1).

    `room_langs`: None for a solo session, [] for a room without other members, else the listeners' languages:
    one job for each distinct one, in the order given (TA-TURN-6). The three call sites are the note's (section 3).
    Sends one selection a job. Raises what the pool service raises; the jobs created before stay created.
    """

    def create_job(lang: str) -> Job:
        job = create_job_with_minimal_scheduler(pool_service, new_job_id(), src_lang, lang, bind=bind, turn_id=turn_id)
        job_created(job)
        return job

    if room_langs is None:  # call site 1: a solo session
        return (create_job(tgt_lang),)
    if not room_langs:  # call site 2: a room without other members is served as a solo session is
        return (create_job(tgt_lang),)
    return tuple(create_job(lang) for lang in dict.fromkeys(room_langs))  # call site 3: language groups


def create_job_with_minimal_scheduler(
    pool_service: SelectsNodes, job_id: str, src_lang: str, tgt_lang: str, *, bind: bool, turn_id: str | None
) -> Job:
    """One job on one node; a job that got no node stays in the answer, with None (TA-TURN-6, TA-SEL-7).

    `bind` asks for a job-level binding by passing the job id on (TA-BIND-1). Sends one selection.
    """
    node_id = pool_service.select_node(src_lang, tgt_lang, job_id if bind else None, turn_id)
    return Job(job_id, tgt_lang, node_id)


def should_bind_job_to_node(*, is_manual: bool, is_timeout: bool, is_max_duration: bool) -> bool:
    """Whether the finalize asks for job-level bindings: only max_duration, and manual wins (TA-BIND-1; note 5)."""
    return is_max_duration and not is_manual and not is_timeout
