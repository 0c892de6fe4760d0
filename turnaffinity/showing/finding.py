"""What did a failed check find? Wanted, got, and the commands that show it; for terminal, page, notebook and file."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from rich.cells import cell_len

from turnaffinity.contract.layout import KeyLayout
from turnaffinity.showing.commands import command_text
from turnaffinity.showing.glosses import gloss
from turnaffinity.showing.names import Names
from turnaffinity.showing.plain import plain
from turnaffinity.showing.shown import Shown, hanging, padded
from turnaffinity.showing.wire import MOST_ROWS, Wire, WireRow, wire_view
from turnaffinity.showing.wording import Words
from turnaffinity.wire.command import Command

Extra = Sequence[tuple[str, str]]


@dataclass(frozen=True, repr=False)
class Finding(Shown):
    """A failure: its sentences with short names, and its wire."""

    expected: str
    observed: str
    wire: Wire
    more: tuple[tuple[str, str], ...] = ()
    """Further labelled lines: ("capsule", "out/x.json")."""
    words: Words = field(default_factory=Words)

    def lines(self, width: int | None = None) -> list[str]:
        """Expected, observed, what else is known, and the wire."""
        told = [("expected", self.expected), ("observed", self.observed), *self.more]
        column = max(cell_len(self.words(name)) for name, _ in told)
        lines = [
            line for name, text in told for line in hanging(f"{padded(self.words(name), column)}  ", text, width)
        ]  # fmt: skip
        return [*lines, *(self.wire.lines(width) if self.wire.rows else [])]


def finding(
    found: Mapping[str, Any], names: Names, *, layout: KeyLayout | None = None, words: Words | None = None,
    scripts: Mapping[str, str] | None = None, most: int | None = MOST_ROWS, more: Extra = (),
    sent_by: Sequence[int | None] = (),
) -> Finding:  # fmt: skip
    """A failure as evidence has it (`expected`, `observed`, `wire` of client, argv, broken), ready to be shown.

    What a stranger wrote loses its escape sequences, and stands on one line; of a message of several lines each
    labelled one ("mend: ...", "stderr: ...") stands alone. `sent_by`: the script's lines behind the commands.
    """
    words, layout = words or Words(), layout or KeyLayout()
    lines = found.get("wire") or ()
    wire = [Command(tuple(line["argv"]), line["client"]) for line in lines]
    broken = [position for position, line in enumerate(lines) if line["broken"]]
    view = wire_view(wire, layout, names, scripts, broken=broken, words=words, most=most, lines=sent_by)
    return _finding(found, view, names, words, more)


def recorded_finding(
    found: Mapping[str, Any], names: Names, *, layout: KeyLayout | None = None, words: Words | None = None,
    more: Extra = (),
) -> Finding:  # fmt: skip
    """A failure in a trace: as `finding`, each command with its line in the file and, where several spoke, its client.

    Nothing is folded: whoever opens the file at a line has to find it here.
    """
    words, layout = words or Words(), layout or KeyLayout()
    lines = found.get("wire") or ()
    wire = [Command(tuple(line["argv"]), line["client"]) for line in lines]
    names.learn(wire)
    clients = list(dict.fromkeys(command.client for command in wire if not command.inside_script))
    rows = []
    for command, line in zip(wire, lines, strict=True):
        who = f"{command.client}  " if len(clients) > 1 and not command.inside_script else ""
        text, meaning = names.apply(command_text(command, words=words)), names.apply(gloss(command, layout, words))
        depth = int(command.inside_script)
        rows.append(WireRow(depth, text, meaning, line["broken"], f"{line['line']:>7}  {names.apply(who)}"))
    return _finding(found, Wire(tuple(rows), "recorded", words), names, words, more)


FILLING = re.compile(r"(\w)\1{19,}")
"""A sign that stands twenty times in a row: a long id's filling."""

LABELS = ("mend", "stderr")
"""What the lines of a message about an adapter begin with: how to mend it, and what the process wrote."""


def _by_line(observed: object) -> tuple[str, list[tuple[str, str]]]:
    """The first part of a message of several lines, and each labelled line that follows it, on one line."""
    first, *rest = str(observed).split("\n")
    more: list[tuple[str, str]] = []
    for line in rest:
        label, _, text = line.strip().partition(": ")
        if label in LABELS:
            more.append((label, one_line(text)))
        elif more:  # a sentence that went on
            more[-1] = (more[-1][0], one_line(f"{more[-1][1]} {line}"))
        else:
            first = f"{first} {line}"
    return first, more


def one_line(text: object) -> str:
    """What a stranger wrote, on one line and without escape sequences."""
    return " ".join(plain(str(text)).split())


def _folded(text: str) -> str:
    """The text with a sign that fills an id cut to three of it."""
    return FILLING.sub(r"\1\1\1...", text)


def _finding(found: Mapping[str, Any], wire: Wire, names: Names, words: Words, more: Extra) -> Finding:
    first, lines = _by_line(found["observed"])
    expected, observed = (words.told(_folded(names.apply(one_line(text)))) for text in (found["expected"], first))
    told = [(label, text if label == "stderr" else words.told(text)) for label, text in lines]
    return Finding(expected, observed, wire, (*told, *more), words)
