"""How do we tell a user that something is wrong? Where, what, and how to mend it."""

from __future__ import annotations

import codecs
import re
from pathlib import Path

MOST_INPUT_BYTES = 16 << 20
"""A larger file is none that we read whole."""


_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")


def _escaped(sign: re.Match[str]) -> str:
    return sign[0].encode("unicode_escape").decode("ascii")


class Problem(Exception):
    """Bad usage or unreadable input: exit status 2. Keeps its parts as fields; str() is the message shown."""

    exit_status = 2

    def __init__(self, where: str, what: str, mend: str) -> None:
        # a message may quote a stranger's file, and a terminal must not obey it
        where, what, mend = (_CONTROL.sub(_escaped, text) for text in (where, what, mend))
        super().__init__(f"{where}: {what}\n  mend: {mend}")
        self.where, self.what, self.mend = where, what, mend

    def __reduce__(self) -> tuple[type[Problem], tuple[str, str, str]]:
        return type(self), (self.where, self.what, self.mend)  # raised in one process, shown by another


class CannotRun(Problem):
    """The implementation or the server could not be run: exit status 3."""

    exit_status = 3


MOST_TOML_BYTES, MOST_TOML_LINE = 1 << 20, 4000
"""The largest TOML file that is read, and its longest line, in characters: dotted keys cost the square of their length.
"""


def toml_of(path: Path, mend: str) -> str:
    """The text of a TOML file, as `text_of`, but of a size and with lines that a parser gets through soon."""
    text = text_of(path, mend, MOST_TOML_BYTES)
    for number, line in enumerate(text.split("\n"), 1):
        if len(line) > MOST_TOML_LINE:
            raise Problem(f"{path}, line {number}", f"has more than {MOST_TOML_LINE} characters", "break it up")
    return text


def text_of(path: Path, mend: str, most_bytes: int = MOST_INPUT_BYTES) -> str:
    """The text of a file that anybody may have written.

    Raises `Problem`, one sentence with `mend`, if there is none, it is no UTF-8, or it has more than `most_bytes`:
    a device has no size and never ends.
    """
    where = str(path)
    try:
        with path.open("rb") as file:
            data = file.read(most_bytes + 1)
    except OSError as error:
        raise Problem(where, error.strerror or "cannot be read", mend) from error
    except ValueError as error:  # a NUL in the path
        raise Problem(where, f"cannot be opened ({error})", mend) from error
    if len(data) > most_bytes:
        raise Problem(where, f"has more than {most_bytes >> 20} MiB", mend)
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        is_utf16 = data[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE) and len(data) > 2
        what = "is UTF-16 text, as PowerShell's > and some editors write it" if is_utf16 else "is not UTF-8 text"
        raise Problem(where, what, "save it as UTF-8") from error
