"""What does a case see of one request? What was asked, what was answered, what went over the wire."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from turnaffinity.showing.sentences import asked, told
from turnaffinity.stage.evidence import NoAnswer, Skipped, Violation
from turnaffinity.subjects.subject import Answer, Finalized, Refused, Selected, Subject
from turnaffinity.wire.command import Command


@dataclass(frozen=True)
class Step:
    """One request to the subject: what was asked, what it answered, what it sent."""

    request: dict[str, Any]
    answer: Answer
    commands: tuple[Command, ...] | None
    """The subject's commands, or None where the server has no MONITOR."""

    @property
    def wire(self) -> tuple[Command, ...]:
        """The subject's commands; a case that needs them is skipped where they cannot be seen."""
        if self.commands is None:
            raise Skipped("this server has no MONITOR, so that the commands on the wire cannot be seen")
        return self.commands

    @property
    def seen(self) -> tuple[Command, ...]:
        """The subject's commands as evidence; empty where they cannot be seen."""
        return self.commands or ()

    @property
    def finalized(self) -> Finalized:
        """The answer of a finalize that was carried out; anything else fails the case, or the rule that owns it."""
        if isinstance(self.answer, Finalized):
            return self.answer
        expected, observed = f"an answer to {self.asked}", told(self.answer)
        if isinstance(self.answer, Refused):
            raise NoAnswer(expected, observed, self.seen, code=self.answer.code)
        raise Violation(expected, observed, self.seen)

    @property
    def node(self) -> str | None:
        """The answer of a selection, or the node of a finalize's only job; anything else fails the case."""
        if isinstance(self.answer, Selected):
            return self.answer.node_id
        if self.request["op"] == "finalize" and len(self.finalized.jobs) == 1:
            return self.finalized.jobs[0].node_id
        raise Violation(f"one node in answer to {self.asked}", told(self.answer), self.seen)

    @property
    def told_node(self) -> str:
        """The same in words."""
        return self.node or "no node"

    @property
    def nodes(self) -> list[str | None]:
        """The nodes of a finalize's jobs, in order."""
        return [job.node_id for job in self.finalized.jobs]

    @property
    def turn_id(self) -> str:
        """The turn id of a finalize's answer."""
        return self.finalized.turn_id

    @property
    def asked(self) -> str:
        """The request in words."""
        return asked(self.request)


def ask(subject: Subject, request: dict[str, Any]) -> Answer:
    """Put one request to a subject."""
    if request["op"] == "select":
        return subject.select(request["pair"], request["job_id"], request["turn_id"])
    return subject.finalize(
        request["session_id"], request["reason"], request["src_lang"], request["tgt_lang"], request["room_langs"]
    )
