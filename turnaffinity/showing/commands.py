"""How does one Redis command read? On one line, scripts by their names, long arguments cut: the only place for it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from functools import cache

from turnaffinity.showing.plain import plain
from turnaffinity.showing.wording import Words
from turnaffinity.wire.command import Command
from turnaffinity.wire.meaning import SCRIPT_CALLS

MOST_ARGUMENTS = 6
"""A command with more arguments is cut in its middle, and the number of its arguments told."""

MOST_CHARS = 60
"""Of a longer argument, such as a script's text, the first line's beginning is shown."""

MOST_PLAIN_CHARS = 120
"""An argument of so many characters is shown whole."""


def command_text(command: Command, scripts: Mapping[str, str] | None = None, words: Words | None = None) -> str:
    """One command as a person reads it: `HGET scheduler:turn:T1 affinity_node_id`, `EVALSHA select_node zh:en J1 T1`.

    `scripts` names scripts by their SHA1; without it one is called by the beginning of its digest.
    """
    known, argv, words = scripts or {}, list(command.argv), words or Words("en")

    def told(part: str) -> str:
        return argument(part, words)

    if command.name in {"SCRIPT", "FUNCTION"} and len(argv) > 2:  # its text would fill the page
        return " ".join([*map(told, argv[:-1]), known.get(_sha1(argv[-1]), _script_of(argv[-1], words))])
    if command.name in SCRIPT_CALLS and len(argv) > 2:
        return " ".join([told(argv[0]), _called(command, known, words), *map(told, argv[3:])])
    if len(argv) > MOST_ARGUMENTS + 1:
        first, last = " ".join(map(told, argv[:2])), told(argv[-1])
        return f"{first} ... {last} {words('({n} arguments)', n=len(argv) - 1)}"
    return " ".join(map(told, argv))


def argument(part: str, words: Words | None = None) -> str:
    """An argument: quoted where it is empty, has spaces or what cannot be printed; of a long one its beginning."""
    if len(part) > MOST_PLAIN_CHARS:
        first = part.split("\n", 1)[0][:MOST_CHARS]
        return f"{argument(first)}... {(words or Words('en'))('({n} characters)', n=f'{len(part):,}')}"
    simple = part.isprintable() and part != "" and not any(mark in part for mark in " \"'")
    if simple:
        return plain(part)
    return '"' + part.encode("unicode_escape").decode("ascii").replace('"', '\\"') + '"'


def _called(command: Command, scripts: Mapping[str, str], words: Words) -> str:
    said = command.argv[1]
    if command.name.startswith("FCALL"):
        return argument(said, words)
    digest = said.lower() if "SHA" in command.name else _sha1(said)
    return scripts.get(digest) or (f"script {digest[:7]}" if "SHA" in command.name else _script_of(said, words))


def _script_of(text: str, words: Words) -> str:
    lines = len(text.splitlines())
    return words("(a script of {n} lines)", n=lines) if lines != 1 else words("(a script of 1 line)")


@cache
def _sha1(text: str) -> str:
    return hashlib.sha1(text.encode("utf-8", "surrogateescape"), usedforsecurity=False).hexdigest()
