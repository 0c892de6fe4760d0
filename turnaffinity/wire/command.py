"""What is one command on the wire? The same type from MONITOR, a file, or a proxy."""

from __future__ import annotations

from typing import NamedTuple

SCRIPT_CLIENT = "lua"
"""The client name that MONITOR prints for a command that ran inside a script."""


class Command(NamedTuple):
    """One Redis command as the server ran it.

    `argv` holds texts (bytes that are no UTF-8 as surrogate escapes); argv[0] is the command as it was sent,
    in whatever case. `client` is an address, "unix:/path", or "lua" for a command inside a script.
    `at_s` is the server's time in seconds since 1970; `line` the line in a recorded file, from 1, or 0.
    """

    argv: tuple[str, ...]
    client: str = ""
    db: int = 0
    at_s: float = 0.0
    line: int = 0

    @property
    def name(self) -> str:
        """The command's name in upper case: "HGET"."""
        return self.argv[0].upper() if self.argv else ""

    @property
    def inside_script(self) -> bool:
        """Whether the command ran inside a script."""
        return self.client == SCRIPT_CLIENT

    def text(self) -> str:
        """The command as evidence quotes it, whole: `HGET scheduler:turn:t1 affinity_node_id`."""
        return " ".join(_quoted(part) for part in self.argv)


def _quoted(part: str) -> str:
    plain = part.isprintable() and part != "" and not any(mark in part for mark in " \"'")
    return part if plain else '"' + part.encode("unicode_escape").decode("ascii").replace('"', '\\"') + '"'
