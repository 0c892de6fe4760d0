"""What did a case find? Its outcome, with what was expected, what was observed, and the commands that show it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from turnaffinity.wire.command import Command

FAULTY = "behind the fault proxy"
"""The process whose commands are met by faults, as a step calls it."""

Outcome = Literal["pass", "fail", "warn", "not-claimed", "unobservable", "skip", "not-run"]


@dataclass(frozen=True, slots=True)
class WireLine:
    """One command of the evidence; `broken` marks the one that breaks the rule."""

    client: str
    argv: tuple[str, ...]
    broken: bool = False


class Violation(AssertionError):
    """The claim of a case does not hold."""

    def __init__(
        self,
        expected: str,
        observed: str,
        wire: Iterable[Command] = (),
        broken: Iterable[Command] = (),
    ) -> None:
        self.expected, self.observed = bounded(expected), bounded(observed)
        super().__init__(f"expected {self.expected}; observed {self.observed}")
        self.wire = wire_lines(wire, broken)

    def wire_as_data(self) -> tuple[dict[str, Any], ...]:
        """The commands as plain data: what a case's result and a report hold of them."""
        return tuple({"client": line.client, "argv": list(line.argv), "broken": line.broken} for line in self.wire)


class NoAnswer(Violation):
    """A finalize that has to be carried out was refused: whose claim that makes false depends on the other cases."""

    def __init__(self, expected: str, observed: str, wire: Iterable[Command] = (), *, code: str) -> None:
        super().__init__(expected, observed, wire)
        self.code = code


class NotJudged(Exception):
    """The case came to no verdict; `reason` says why in a sentence."""

    outcome: Outcome = "skip"

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class NotClaimed(NotJudged):
    """The implementation says that it does not offer what the case needs."""

    outcome: Outcome = "not-claimed"


class Unobservable(NotJudged):
    """Nothing that can be observed would show the difference."""

    outcome: Outcome = "unobservable"


class Skipped(NotJudged):
    """This server cannot show it (no MONITOR, an unknown command)."""

    outcome: Outcome = "skip"


class NotRun(NotJudged):
    """The run was given up before this case."""

    outcome: Outcome = "not-run"


class Follows(NotRun):
    """What is wrong here is another rule's: nothing that is seen would tell against the case's own claim."""

    def __init__(self, owner: str, reason: str) -> None:
        super().__init__(f"follows from {owner}: {reason}")
        self.owner = owner


def wire_lines(wire: Iterable[Command], broken: Iterable[Command] = ()) -> tuple[WireLine, ...]:
    """The commands as evidence, the broken ones marked (by identity of the record, not by equality)."""
    marked = {id(command) for command in broken}
    kept = list(wire)
    if len(kept) > MOST_WIRE_LINES:
        at = next((place for place, command in enumerate(kept) if id(command) in marked), 0)
        first = max(0, min(at - MOST_WIRE_LINES // 2, len(kept) - MOST_WIRE_LINES))
        kept = kept[first : first + MOST_WIRE_LINES]
    return tuple(WireLine(c.client, tuple(map(bounded, c.argv[:MOST_ARGUMENTS])), id(c) in marked) for c in kept)


MOST_TEXT_CHARS = 20_000
"""How much of one text the evidence keeps, in characters: a stranger's program may answer megabytes."""

MOST_WIRE_LINES = 2_000
"""How many commands the evidence of one failure keeps: those around the broken one."""

MOST_ARGUMENTS = 5_000
"""How many arguments of one command the evidence keeps."""


def bounded(text: str) -> str:
    """The text, or its beginning and its length where it is longer than anybody reads."""
    if len(text) <= MOST_TEXT_CHARS:
        return text
    return f"{text[:MOST_TEXT_CHARS]} ... ({len(text)} characters)"


def in_words(value: object) -> str:
    """What was seen, as a sentence says it: "a, b", "lang=zh, muted=no", "nothing"; no Python shows through."""
    match value:
        case None:
            return "nothing"
        case str():
            return value or "an empty text"
        case Mapping():
            return ", ".join(f"{name}={each}" for name, each in sorted(value.items())) or "no fields"
        case set() | frozenset():
            return in_words(sorted(value, key=in_words))
        case Sequence():
            return ", ".join("none" if each is None else in_words(each) for each in value) or "nothing"
    return str(value)


def listed(names: Sequence[str] | Iterable[str], most: int = 6) -> str:
    """Names for a sentence: "a, b and c"; a long list is cut and counted."""
    items = list(names)
    if not items:
        return "none"
    shown = items[:most]
    rest = f" and {len(items) - most} more" if len(items) > most else ""
    if len(shown) == 1 or rest:
        return ", ".join(shown) + rest
    return ", ".join(shown[:-1]) + " and " + shown[-1]
