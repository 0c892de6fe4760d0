"""Which words does a line hold, and which key is a turn's or a session's? The fast way, for millions of lines."""

from __future__ import annotations

from collections.abc import Callable

from turnaffinity.contract.layout import KeyLayout
from turnaffinity.wire.monitor import split_arguments


def arguments_of(rest: str) -> list[str] | None:
    """The arguments of a line, from behind its first quote; None if a quote is cut or stray."""
    if rest[-1:] != '"':
        rest = rest.rstrip()
        if rest[-1:] != '"':
            return None
    if "\\" not in rest:
        argv = rest[:-1].split('" "')
        return argv if rest.count('"') == 2 * len(argv) - 1 else None
    argv_of = split_arguments(rest[:-1].encode("utf-8", "surrogateescape"))
    return None if argv_of is None else list(argv_of)


def key_reader(layout: KeyLayout, name: str) -> Callable[[str], str | None]:
    """A function from a key to the id in it, or None if the key is not of this kind."""
    template: str = getattr(layout, name)
    prefix = layout.prefixes[name]
    pattern = layout.patterns[name]
    if template.endswith("}") and not template.endswith("}}"):
        cut = len(prefix)
        return lambda key: key[cut:] if key.startswith(prefix) else None
    return lambda key: match.group(1) if (match := pattern.fullmatch(key)) else None
