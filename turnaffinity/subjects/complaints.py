"""What did the adapter write to stderr? The first lines since it was last asked, why it ended, the last lines."""

from __future__ import annotations

import re

from turnaffinity.showing.plain import Tail, plain, shown

FIRST_BYTES = 16384
"""How much is kept of what came first after each request, in bytes."""

REASON = re.compile(r"panic:|panicked at|fatal error:|exception in thread|\b\w*(?:error|exception):", re.IGNORECASE)
"""What a line holds that says why a process ends: Go, Rust, Java, and what throws errors by name."""

AFTER_A_REASON = 2
"""Lines that belong to such a line: a Rust panic says its reason in the one after it."""


class Complaints:
    """Both ends of a stream, in constant memory.

    A panic begins with its reason, and then prints more stack than anybody reads; a Python traceback ends with it. So
    the first lines since the last request are kept beside the last lines of all.
    """

    def __init__(self, first_bytes: int = FIRST_BYTES, last_bytes: int = 8192) -> None:
        self._room = first_bytes
        self._first = bytearray()
        self._since = 0
        self._last = Tail(last_bytes)

    def asked(self) -> None:
        """A request goes out: what comes from now on is about it."""
        self._first.clear()
        self._since = 0

    def add(self, data: bytes) -> None:
        """Take in what was read."""
        self._first += data[: max(0, self._room - len(self._first))]
        self._since += len(data)
        self._last.add(data)

    def lines(self, count: int = 5) -> list[str]:
        """The lines that say something, in order, safe to show: `count` of the beginning and `count` of the end.

        Between them stands what looks like a reason, and a line of dots for what is left out. Where there is little
        since the last request, the lines before it are told too.
        """
        told = _said(bytes(self._first))
        if self._since > len(self._first):
            return [*told[:count], *_reason(told[count:]), "...", *self._last.lines(count)]
        if len(told) > 2 * count:
            return [*told[:count], *_reason(told[count:-count]), "...", *told[-count:]]
        return told if len(told) >= count else self._last.lines(count)


def _said(data: bytes) -> list[str]:
    return [shown(line) for line in plain(data).split("\n") if line.strip()]


def _reason(between: list[str]) -> list[str]:
    """The first line between the two ends that says why, after a line of dots where lines come before it."""
    at = next((number for number, line in enumerate(between) if REASON.search(line)), None)
    if at is None:
        return []
    return [*(["..."] if at else []), *between[at : at + 1 + AFTER_A_REASON]]
