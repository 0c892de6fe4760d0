"""How is what a stranger's program printed shown safely? Without escape sequences, and cut to a length."""

from __future__ import annotations

import re

_UNPRINTABLE = re.compile(
    r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]"  # CSI: colours, cursor movement
    r"|\x1b[\]PX^_][^\x07\x1b]*(?:\x07|\x1b\\)?"  # OSC and its kin: window titles, links
    r"|\x1b[ -/]*[0-~]"
    r"|[\x00-\x08\x0b-\x1f\x7f-\x9f]"
    r"|[\u200e\u200f\u202a-\u202e\u2066-\u2069]"  # marks that turn the direction of the text around
)

SHOWN_CHARS = 200
"""How much of one line is shown in a message, in characters."""


def plain(data: bytes | str) -> str:
    """The text without escape sequences and control characters, tabs and line feeds apart."""
    text = data.decode("utf-8", "replace") if isinstance(data, bytes) else data
    return _UNPRINTABLE.sub("", text)


def shown(data: bytes | str, limit: int = SHOWN_CHARS) -> str:
    """One line of it, at most `limit` characters, as a message may quote it; an empty text gives `(nothing)`."""
    head = data[: limit * 4 + 64]
    text = " ".join(plain(head).split())
    if len(text) > limit or len(data) > len(head):
        return text[:limit] + " ..."
    return text or "(nothing)"


class Tail:
    """The last bytes of a stream, in constant memory."""

    def __init__(self, limit: int = 8192) -> None:
        self._limit = limit
        self._bytes = bytearray()

    def add(self, data: bytes) -> None:
        """Append, forgetting what is older than the limit."""
        self._bytes += data
        if len(self._bytes) > 2 * self._limit:
            del self._bytes[: -self._limit]

    def lines(self, count: int = 5) -> list[str]:
        """The last lines that say something, oldest first, safe to show."""
        raw = bytes(self._bytes[-self._limit :])
        said = [line for line in plain(raw).split("\n") if line.strip()]
        return [shown(line) for line in said[-count:]]
