"""What does a finalize answer? The jobs of one batch, and the turn id that they were selected under."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Job:
    """One job of a batch; `node_id` is None where no node was to be had (TA-TURN-6)."""

    job_id: str
    tgt_lang: str
    node_id: str | None


@dataclass(frozen=True, slots=True)
class Finalized:
    """A finalize that was carried out: the id that its jobs were selected under, and the jobs in order."""

    turn_id: str
    jobs: tuple[Job, ...]

    @property
    def first_node_id(self) -> str | None:
        """The node of the batch's first job that got one, or None (TA-WRITE-1)."""
        return next((job.node_id for job in self.jobs if job.node_id is not None), None)


@dataclass(frozen=True, slots=True)
class Selected:
    """One selection's answer; None where there is no candidate."""

    node_id: str | None


@dataclass(frozen=True, slots=True)
class Refused:
    """An error that the implementation answered: `no_node`, `bad_request`, `unsupported`, `redis`, `internal`."""

    code: str
    message: str = ""


@dataclass(frozen=True, slots=True)
class Broke:
    """No usable answer: what was seen instead, in words that say what to fix."""

    what: str


Answer = Finalized | Selected | Refused | Broke
