"""How do we tell a user that something is wrong? Where, what, and how to mend it."""

from __future__ import annotations


class Problem(Exception):
    """Bad usage or unreadable input: exit status 2. Keeps its parts as fields; str() is the message shown."""

    exit_status = 2

    def __init__(self, where: str, what: str, mend: str) -> None:
        super().__init__(f"{where}: {what}\n  mend: {mend}")
        self.where, self.what, self.mend = where, what, mend


class CannotRun(Problem):
    """The implementation or the server could not be run: exit status 3."""

    exit_status = 3
