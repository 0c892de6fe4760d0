"""What went over the wire, cut to what matters? Each command with its meaning, loops folded, scripts opened."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from html import escape
from itertools import groupby

from rich.cells import cell_len

from turnaffinity.contract.layout import KeyLayout
from turnaffinity.showing.commands import command_text
from turnaffinity.showing.glosses import gloss, kind_of
from turnaffinity.showing.names import Names
from turnaffinity.showing.shown import PRE, Shown, padded, wrapped
from turnaffinity.showing.wording import Words
from turnaffinity.wire.command import Command
from turnaffinity.wire.meaning import SCRIPT_CALLS, keys_of
from turnaffinity.wire.units import Unit, units

FOLDED_FROM = 4
"""So many like commands one after the other are shown as one line."""

MOST_ROWS = 24
"""So many lines of a failure's wire are shown, those around the broken command; the report as JSON has them all."""

WIDEST = 64
"""Meanings stand in a column of their own, at most so far to the right."""


@dataclass(frozen=True)
class WireRow:
    """One command as it is shown: how deep it is nested, its text, and what it does in words."""

    depth: int
    text: str
    meaning: str
    broken: bool = False
    lead: str = ""
    """What stands before it: its line in a file, and who sent it."""


@dataclass(frozen=True, repr=False)
class Wire(Shown):
    """The commands of one step, those inside a script indented under its call."""

    rows: tuple[WireRow, ...]
    title: str = "on the wire"
    words: Words = field(default_factory=Words)
    before: int = 0
    """Commands before the first row that are left out."""
    after: int = 0
    """Commands after the last row that are left out."""

    def lines(self, width: int | None = None) -> list[str]:
        """One line a command; `>` marks those that break a rule."""
        if not self.rows:
            return [f"{self.words.label(self.title)}{self.words('nothing')}"]
        left = [_nested(row) for row in self.rows]
        column = max((cell_len(text) for text in left), default=0)
        column = column if width is None else min(column, WIDEST)
        told = [line for text, row in zip(left, self.rows, strict=True) for line in _line(row, text, column, width)]
        return [self.words.label(self.title).rstrip(), *self._left_out(self.before), *told, *self._left_out(self.after)]

    def _left_out(self, count: int) -> list[str]:
        return [f"     ... {left_out(count, self.words)}"] if count else []

    def html(self) -> str:
        """The lines, the meanings in italics."""
        if not self.rows:
            return f"<p><b>{escape(self.words(self.title))}</b>: {self.words('nothing')}</p>"
        width = max(len(_nested(row)) for row in self.rows)
        told = [escape(line) for line in self._left_out(self.before)]
        for row in self.rows:
            left = _nested(row)[2:]
            bold = "<b class='broken'>" if row.broken else "" if row.depth else "<b>"
            text = f"{bold}{escape(left)}</b>" if bold else escape(left)
            pad = " " * (width - len(left) + 1)
            mark = "✗ " if row.broken else "  "
            told.append(f"{mark}{text}{pad if row.meaning else ''}<i>{escape(row.meaning)}</i>")
        told += [escape(line) for line in self._left_out(self.after)]
        return f"<p><b>{escape(self.words(self.title))}</b></p><pre {PRE}>{chr(10).join(told)}</pre>"


def left_out(count: int, words: Words) -> str:
    """How many commands are not shown."""
    return words("{n} more commands" if count > 1 else "one more command", n=count)


def _nested(row: WireRow) -> str:
    return ("> " if row.broken else "  ") + row.lead + ("   " * row.depth) + ("└ " if row.depth else "") + row.text


def _line(row: WireRow, text: str, column: int, width: int | None) -> Iterator[str]:
    """A command and its meaning: beside it where there is room, else in a line under it."""
    beside = f"{padded(text, column)}   {row.meaning}".rstrip()
    if width is None or cell_len(beside) <= width:
        yield beside
        return
    close = f"{text}   {row.meaning}"
    if cell_len(close) <= width:
        yield close
        return
    indent = len(text) - len(text.lstrip(" >└"))
    lines = wrapped(text.lstrip(" >└"), width - indent - 2)
    yield text[:indent] + lines[0]
    yield from (" " * (indent + 2) + line for line in lines[1:])
    if row.meaning:
        yield from (" " * (indent + 2) + line for line in wrapped(row.meaning, width - indent - 2))


def wire_view(
    wire: Sequence[Command],
    layout: KeyLayout,
    names: Names,
    scripts: Mapping[str, str] | None = None,
    *,
    broken: Iterable[int] = (),
    title: str = "on the wire",
    words: Words | None = None,
    insides: bool = True,
    most: int | None = None,
    lines: Sequence[int | None] = (),
) -> Wire:
    """The commands of a step; `scripts` names the known scripts by SHA1, `broken` are positions in `wire`.

    `lines` says for each command which line of the script sent it, where that is known.

    Without `insides` a selection's own commands are counted, not shown. With `most` only so many rows are kept: those
    around the broken command.
    """
    words = words or Words()
    marked = {id(wire[position]) for position in broken}
    sent_by = {id(command): line for command, line in zip(wire, lines, strict=False) if line}
    column = max((len(str(line)) for line in sent_by.values()), default=0)
    names.learn(wire)
    rows: list[_Read] = []
    for unit in units(_without_loading(wire, marked)):
        folded = not insides and _selects(unit, layout)
        for number, command in enumerate(unit.commands[:1] if folded else unit.commands):
            text = names.apply(command_text(command, scripts, words))
            meaning = _of_a_selection(unit, words) if folded else names.apply(gloss(command, layout, words))
            lead = f"{sent_by.get(id(command), ''):>{column}}  " if sent_by else ""
            row = WireRow(int(number > 0), text, meaning, id(command) in marked, lead)
            rows.append(_Read(row, *_alike(command, layout)))
    kept = tuple(_loops_folded(rows, words))
    start, end = _around_the_broken(kept, most)
    return Wire(kept[start:end], title, words, before=start, after=len(kept) - end)


def _selects(unit: Unit, layout: KeyLayout) -> bool:
    return unit.kind == "script" and any(
        kind_of(key, layout) in {"pool", "node", "node_pools"} for command in unit.inner for key in keys_of(command)
    )


def _of_a_selection(unit: Unit, words: Words) -> str:
    return words("one atomic step of {n} commands", n=len(unit.inner))


def _without_loading(wire: Sequence[Command], marked: set[int]) -> list[Command]:
    """The commands without scripts on their way to the server, and without the calls that asked for them in vain."""
    kept: list[Command] = []
    for command in wire:
        if command.name in {"SCRIPT", "FUNCTION"} and id(command) not in marked and len(wire) > 1:
            continue
        if kept and command.name in SCRIPT_CALLS and kept[-1].argv == command.argv and id(kept[-1]) not in marked:
            kept.pop()
        kept.append(command)
    return kept


@dataclass(frozen=True)
class _Read:
    """A row, and what makes it one of a loop."""

    row: WireRow
    alike: str = ""
    """Commands with the same of this do the same, to another pool or node; empty for those that stand alone."""
    pool: str = ""

    @property
    def group(self) -> tuple[int, str, bool]:
        return self.row.depth, self.alike, self.row.broken


def _alike(command: Command, layout: KeyLayout) -> tuple[str, str]:
    if command.name in SCRIPT_CALLS:
        return "", ""
    keys = keys_of(command)
    kinds = sorted({kind_of(key, layout) for key in keys})
    pool = layout.patterns["pool"].fullmatch(keys[0]) if len(keys) == 1 else None
    return f"{command.name} {' '.join(kinds)}", pool["pool_id"] if pool else ""


def _loops_folded(rows: Sequence[_Read], words: Words) -> Iterator[WireRow]:
    for (_, alike, broken), group in groupby(rows, lambda each: each.group):
        found = list(group)
        if len(found) < FOLDED_FROM or not alike or broken:
            yield from (each.row for each in found)
        else:
            yield replace(found[0].row, text=_loop(alike.split(" ")[0], found, words))


def _loop(name: str, found: Sequence[_Read], words: Words) -> str:
    """ "SISMEMBER pool 0 ... 39, 40 commands"; where they name no single pool each, the first and how many follow."""
    if all(each.pool for each in found):
        return f"{name} {words('pool')} {found[0].pool} ... {found[-1].pool}{words(', {n} commands', n=len(found))}"
    return f"{found[0].row.text}, {words('and {n} more of the kind', n=len(found) - 1)}"


def _around_the_broken(rows: Sequence[WireRow], most: int | None) -> tuple[int, int]:
    if most is None or len(rows) <= most:
        return 0, len(rows)
    at = next((place for place, row in enumerate(rows) if row.broken), len(rows))
    start = max(0, min(at - most // 2, len(rows) - most))
    return start, start + most
