"""What is being judged? One interface for the reference, a Lua script, and an adapter's process."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

from turnaffinity.contract.answers import Answer, Broke, Finalized, Job, Refused, Selected
from turnaffinity.problem import CannotRun

__all__ = [
    "Answer",
    "Broke",
    "CannotGoOn",
    "Finalized",
    "Hello",
    "Job",
    "Profile",
    "Reason",
    "Refused",
    "Selected",
    "Subject",
]

Profile = Literal["lua", "scheduler"]
Reason = Literal["manual", "timeout", "max_duration"]


class CannotGoOn(CannotRun):
    """The run ends here, whatever case is playing: it is no verdict on the implementation."""


@dataclass(frozen=True, slots=True)
class Hello:
    """Who the subject says it is; `decisions` is a claim, shown and never trusted."""

    name: str
    version: str = ""
    language: str = ""
    ops: frozenset[str] = frozenset({"finalize"})
    decisions: dict[str, str] = field(default_factory=dict)


class Subject(Protocol):
    """An implementation under judgement. One request at a time; nothing is tried twice."""

    profile: Profile

    @property
    def hello(self) -> Hello:
        """Who the subject says it is."""

    def finalize(
        self, session_id: str, reason: str, src_lang: str, tgt_lang: str, room_langs: Sequence[str] | None
    ) -> Answer:
        """Carry out one finalize; `room_langs`: None solo, [] a room without others, else its languages."""

    def select(self, pair: str, job_id: str | None, turn_id: str | None) -> Answer:
        """Carry out one selection for `pair` ("zh:en"); None stands for an empty ARGV."""

    def close(self) -> None:
        """Let go of the process and the connection; the subject is not used again."""
