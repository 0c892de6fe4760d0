"""How do keys and commands look on the page? As text for a terminal, as HTML for a notebook; the same every time."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from html import escape
from itertools import groupby
from typing import Any

from turnaffinity.contract.layout import KeyLayout
from turnaffinity.judging.state import NO_TTL, KeyState
from turnaffinity.judging.wire_view import units
from turnaffinity.notebook.glosses import gloss
from turnaffinity.notebook.names import Names
from turnaffinity.wire.command import Command
from turnaffinity.wire.meaning import SCRIPT_CALLS

MOST_ARGUMENTS = 6
"""A command with more arguments is cut in its middle, and the number of its arguments told."""

MARKS = {"new": "+", "gone": "-", "changed": "~", "": " "}
LINE = "border-bottom:1px solid rgba(128,128,128,.35);"
CELL = f"style='text-align:left;{LINE}padding:.15em .8em .15em .2em;font-family:monospace'"
PRE = "style='font-family:monospace;line-height:1.35;margin:.3em 0;white-space:pre;overflow-x:auto'"


class Shown:
    """Something that a cell shows: `lines` as text, `html` in a notebook."""

    def lines(self) -> list[str]:
        """The text, line by line."""
        raise NotImplementedError

    def html(self) -> str:
        """The same as HTML; `lines` in a <pre> where a class has nothing better."""
        return f"<pre {PRE}>{escape(chr(10).join(self.lines()))}</pre>"

    def __repr__(self) -> str:
        return "\n".join(self.lines())

    def _repr_mimebundle_(self, **options: Any) -> dict[str, str]:
        return {"text/plain": repr(self), "text/html": self.html()}


@dataclass(frozen=True)
class Row:
    """One line of a table of keys: a field of a hash, or a whole key of another kind."""

    key: str
    field: str
    value: str
    life: str
    mark: str = ""
    """"new", "gone", "changed" or empty."""


@dataclass(frozen=True, repr=False)
class Keys(Shown):
    """Keys as they stand, marked where they differ from an earlier state."""

    rows: tuple[Row, ...]
    title: str = "keys"

    def lines(self) -> list[str]:
        """One line for each field: mark, key, field = value."""
        if not self.rows:
            return [f"{self.title}: none"]
        told = [
            f"{MARKS[row.mark]} {row.key}  {row.field + ' = ' if row.field else ''}{row.value}{_life(row.life)}"
            for row in self.rows
        ]
        return [f"{self.title}:", *told]

    def html(self) -> str:
        """A table of four columns."""
        if not self.rows:
            return f"<p><b>{escape(self.title)}</b>: none</p>"
        head = "".join(f"<th {CELL}>{name}</th>" for name in ("", "key", "field", "value", "TTL"))
        body = "".join(
            "<tr>" + "".join(f"<td {CELL}>{cell}</td>" for cell in self._cells(row)) + "</tr>" for row in self.rows
        )
        return f"<p><b>{escape(self.title)}</b></p><table><tr>{head}</tr>{body}</table>"

    @staticmethod
    def _cells(row: Row) -> list[str]:
        texts = [MARKS[row.mark].strip(), row.key, row.field, row.value, row.life]
        if row.mark == "gone":
            return [escape(texts[0]), *(f"<s>{escape(text)}</s>" if text else "" for text in texts[1:])]
        return [f"<b>{escape(text)}</b>" if row.mark and text else escape(text) for text in texts]


def _life(life: str) -> str:
    return "" if life in ("", "no TTL") else f"  ({life})"


def keys_view(
    now: Mapping[str, KeyState], names: Names, *, before: Mapping[str, KeyState] | None = None, title: str = "keys"
) -> Keys:
    """The keys of a snapshot, sorted; with `before`, what is new, gone or changed is marked."""
    current = {(row.key, row.field): row for key, state in now.items() for row in _rows(key, state, names)}
    if before is None:
        return Keys(tuple(current[place] for place in sorted(current)), title)
    earlier = {(row.key, row.field): row for key, state in before.items() for row in _rows(key, state, names)}
    rows = []
    for place in sorted(current.keys() | earlier.keys()):
        new, old = current.get(place), earlier.get(place)
        if new is None and old is not None:
            rows.append(Row(old.key, old.field, old.value, old.life, "gone"))
        elif new is not None:
            same = old is not None and (old.value, old.life) == (new.value, new.life)
            mark = "new" if old is None else "" if same else "changed"
            rows.append(Row(new.key, new.field, new.value, new.life, mark))
    return Keys(tuple(rows), title)


def _rows(key: str, state: KeyState, names: Names) -> list[Row]:
    life = "no TTL" if state.expires_at_ms == NO_TTL else "expires"
    shown = names.apply(key)
    if isinstance(state.value, dict):
        return [Row(shown, name, names.apply(value), life) for name, value in sorted(state.value.items())]
    value = (
        "{" + ", ".join(sorted(state.value)) + "}" if isinstance(state.value, (set, frozenset)) else str(state.value)
    )
    return [Row(shown, "", names.apply(value), life)]


@dataclass(frozen=True)
class WireRow:
    """One command as it is shown: how deep it is nested, its text, and what it does in words."""

    depth: int
    text: str
    meaning: str
    broken: bool = False


@dataclass(frozen=True, repr=False)
class Wire(Shown):
    """The commands of one step, those inside a script indented under its call."""

    rows: tuple[WireRow, ...]
    title: str = "on the wire"

    def lines(self) -> list[str]:
        """One line a command; `>>` marks those that break a rule."""
        if not self.rows:
            return [f"{self.title}: nothing"]
        left = [
            ("> " if row.broken else "  ") + ("   " * row.depth) + ("└ " if row.depth else "") + row.text
            for row in self.rows
        ]
        width = max(len(text) for text in left)
        told = [f"{text.ljust(width)}   {row.meaning}".rstrip() for text, row in zip(left, self.rows, strict=True)]
        return [f"{self.title}:", *told]

    def html(self) -> str:
        """The lines, the meanings in italics."""
        if not self.rows:
            return f"<p><b>{escape(self.title)}</b>: nothing</p>"
        width = max(len(row.text) + 5 * row.depth for row in self.rows)
        told = []
        for row in self.rows:
            left = ("   " * row.depth) + ("└ " if row.depth else "") + row.text
            text = f"<b>{escape(left)}</b>" if row.broken or not row.depth else escape(left)
            pad = " " * (width - len(left) + 3)
            mark = "✗ " if row.broken else "  "
            told.append(f"{mark}{text}{pad if row.meaning else ''}<i>{escape(row.meaning)}</i>")
        return f"<p><b>{escape(self.title)}</b></p><pre {PRE}>{chr(10).join(told)}</pre>"


def wire_view(
    wire: Sequence[Command],
    layout: KeyLayout,
    names: Names,
    scripts: Mapping[str, str],
    *,
    broken: Iterable[int] = (),
    title: str = "on the wire",
) -> Wire:
    """The commands of a step; `scripts` names the known scripts by SHA1, `broken` are positions in `wire`."""
    marked = {id(wire[position]) for position in broken}
    rows = []
    for unit in units(wire):
        for number, command in enumerate(unit.commands):
            depth = int(number > 0)
            text = names.apply(command_text(command, scripts))
            rows.append(WireRow(depth, text, names.apply(gloss(command, layout)), id(command) in marked))
    return Wire(tuple(_folded(rows)), title)


def _folded(rows: Sequence[WireRow]) -> Iterator[WireRow]:
    """The rows, of three or more long commands alike in a row the first, and how many follow."""
    for _, group in groupby(rows, lambda row: (row.depth, row.text.split(" ")[0], row.meaning, row.broken)):
        alike = list(group)
        if len(alike) < 3 or not all(row.text.endswith(" arguments)") for row in alike):
            yield from alike
            continue
        yield alike[0]
        yield replace(alike[0], text=f"{alike[0].text.split(' ')[0]} ... {len(alike) - 1} more of the kind", meaning="")


def command_text(command: Command, scripts: Mapping[str, str]) -> str:
    """One command, a script by its name, a long one cut in its middle."""
    argv = list(command.argv)
    if command.name in {"SCRIPT", "FUNCTION"} and len(argv) > 2:  # its text would fill the page
        digest = hashlib.sha1(argv[-1].encode("utf-8", "surrogateescape"), usedforsecurity=False).hexdigest()
        return " ".join([*argv[:-1], scripts.get(digest, f"(a script of {len(argv[-1].splitlines())} lines)")])
    if command.name in SCRIPT_CALLS and len(argv) > 1:
        known = scripts.get(argv[1].lower(), f"sha1 {argv[1][:8]}" if "SHA" in command.name else "a script")
        return " ".join([argv[0], known, *(quoted(part) for part in argv[3:])])
    if len(argv) > MOST_ARGUMENTS + 1:
        return " ".join([argv[0], quoted(argv[1]), "...", quoted(argv[-1]), f"({len(argv) - 1} arguments)"])
    return " ".join([argv[0], *(quoted(part) for part in argv[1:])])


def quoted(part: str) -> str:
    """An argument as it is shown: quotes only around an empty text and one with spaces."""
    return f'"{part}"' if not part or " " in part else part
