"""What does one line of MONITOR say? Its command, or nothing where it is no whole command."""

from __future__ import annotations

import re
from functools import lru_cache

from turnaffinity.wire.command import Command

LINE = re.compile(rb'\+?(\d+(?:\.\d+)?) \[(\d+) (.*?)\] "(.*)"\s*\Z', re.DOTALL)
"""Time, database, client, and the arguments without the outermost quotes. A client may hold brackets ("[::1]:6379")."""

_WHOLE = re.compile(rb'(?:[^"\\]|\\.)*(?:" "(?:[^"\\]|\\.)*)*', re.DOTALL)
_ARGUMENT = re.compile(rb'(?:[^"\\]|\\.)*', re.DOTALL)
_ESCAPE = re.compile(rb"\\(?:x([0-9a-fA-F]{2})|(.))", re.DOTALL)
_LETTERS = {b"n": b"\n", b"r": b"\r", b"t": b"\t", b"a": b"\a", b"b": b"\b"}


def parse_line(line: bytes | str, number: int = 0) -> Command | None:
    r"""The command on one line of MONITOR output, or None for anything else.

    `line` may start with "+", end with LF or CRLF or neither; `number` becomes `Command.line`. "OK", an empty line,
    a line that was cut before its last quote, and text of other programs give None. Never raises.

        1339518083.107412 [0 127.0.0.1:60866] "keys" "*"
        1339518083.107412 [3 unix:/run/redis.sock] "set" "a\"b" "\x00\n"
        1339518083.107412 [0 lua] "HGET" "scheduler:turn:t1" "affinity_node_id"
    """
    data = line.encode("utf-8", "surrogateescape") if isinstance(line, str) else line
    match = LINE.match(data)
    if match is None:
        return None
    at_s, db, client, rest = match.groups()
    argv = _split_before(rest)
    if argv is None:
        return None
    return Command(argv, client.decode("utf-8", "surrogateescape"), int(db), float(at_s), number)


def split_arguments(rest: bytes) -> tuple[str, ...] | None:
    r"""The arguments in `GET" "a` (the outermost quotes taken off), unescaped; None if a quote is cut or stray."""
    if b"\\" not in rest:
        parts = rest.decode("utf-8", "surrogateescape").split('" "')
        return tuple(parts) if rest.count(b'"') == 2 * (len(parts) - 1) else None
    if _WHOLE.fullmatch(rest) is None:
        return None
    return tuple([_unescaped(part).decode("utf-8", "surrogateescape") for part in _arguments(rest)])


# a script that asks a thousand pools asks the same thousand each time
_split_before = lru_cache(maxsize=1 << 14)(split_arguments)


def _arguments(rest: bytes) -> list[bytes]:
    parts: list[bytes] = []
    at = 0
    while at <= len(rest):
        found = _ARGUMENT.match(rest, at)
        assert found is not None  # it matches the empty text too
        parts.append(found.group())
        at = found.end() + len(b'" "')
    return parts


def _unescaped(part: bytes) -> bytes:
    return _ESCAPE.sub(_meant, part) if b"\\" in part else part


def _meant(escape: re.Match[bytes]) -> bytes:
    digits, letter = escape.groups()
    if digits is not None:
        return bytes((int(digits, 16),))
    return _LETTERS.get(letter, letter)


def quoted(text: str) -> str:
    r"""One argument as MONITOR prints it: quoted, with \n, \x00 and the like escaped (inverse of parsing)."""
    out: list[str] = []
    for byte in text.encode("utf-8", "surrogateescape"):
        char = chr(byte)
        if char in '"\\':
            out.append("\\" + char)
        elif char in _PRINTED:
            out.append(_PRINTED[char])
        else:
            out.append(char if 0x20 <= byte < 0x7F else f"\\x{byte:02x}")
    return '"' + "".join(out) + '"'


_PRINTED = {"\n": "\\n", "\r": "\\r", "\t": "\\t", "\a": "\\a", "\b": "\\b"}


def printed(command: Command) -> str:
    """The line that MONITOR prints for a command, without its line end."""
    arguments = " ".join(quoted(part) for part in command.argv)
    return f"{command.at_s:.6f} [{command.db} {command.client}] {arguments}"
