"""What is shown, whoever looks? Lines for a terminal, HTML for a page and a notebook; both from the same facts."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any

from rich.cells import cell_len
from rich.text import Text

if TYPE_CHECKING:
    from rich.console import Console

PRE = "style='font-family:monospace;line-height:1.35;margin:.3em 0;white-space:pre;overflow-x:auto'"


class Shown:
    """Something that is shown: `lines` as text, `html` on a page."""

    def lines(self, width: int | None = None) -> list[str]:
        """The text, line by line, none wider than `width` columns where one is given."""
        raise NotImplementedError

    def html(self) -> str:
        """The same as HTML; `lines` in a <pre> where a class has nothing better."""
        return f"<pre {PRE}>{escape(chr(10).join(self.lines()))}</pre>"

    def __repr__(self) -> str:
        return "\n".join(self.lines())

    def _repr_mimebundle_(self, **options: Any) -> dict[str, str]:
        return {"text/plain": repr(self), "text/html": self.html()}


def hanging(label: str, text: str, width: int | None = None) -> list[str]:
    """A label and a text whose further lines stand under its first; broken between words, never within one."""
    if width is None:
        return [(label + text).rstrip()]
    indent = cell_len(label)
    if indent > width // 2:  # a narrow terminal: the label gets a line of its own
        return [label.rstrip(), *hanging("    ", text, width)]
    broken = wrapped(text, width - indent)
    return [(label if number == 0 else " " * indent) + line for number, line in enumerate(broken)]


def print_hanging(console: Console, label: str, text: str, style: str = "") -> None:
    """Print a label and a text whose further lines stand under its first."""
    for line in hanging(label, text, console.width):
        console.print(Text(line, style=style), soft_wrap=True)


def wrapped(text: str, width: int) -> list[str]:
    """The text in lines of at most `width` columns, broken between words; only a word that is wider is cut itself.

    Chinese breaks after any sign.
    """
    lines, line = [], ""
    for piece in (part for word in _pieces(text) for part in _cut(word, max(1, width))):
        if line and cell_len((line + piece).rstrip()) > width:
            lines.append(line.rstrip())
            line = piece.lstrip()
        else:
            line += piece
    return [*lines, line.rstrip()]


def padded(text: str, columns: int) -> str:
    """The text, filled with spaces to so many columns of a terminal (a Chinese sign takes two)."""
    return text + " " * max(0, columns - cell_len(text))


def _cut(word: str, width: int) -> list[str]:
    parts = []
    while cell_len(word.rstrip()) > width:
        end = next(at for at in range(width, 0, -1) if at == 1 or cell_len(word[:at]) <= width)
        parts.append(word[:end])
        word = word[end:]
    return [*parts, word]


OPENING, CLOSING = "（「『《〈【", "，。、；：？！）」』》〉】"
"""Chinese signs that no line ends with, and that none begins with."""


def _pieces(text: str) -> list[str]:
    """Where a line may be broken: after a space, and after each Chinese sign but those that hold on to the next."""
    pieces, piece = list[str](), ""
    for sign in text:
        if pieces and not piece and sign in CLOSING:
            pieces[-1] += sign
            continue
        piece += sign
        if sign == " " or (sign >= "\u2e80" and sign not in OPENING):
            pieces.append(piece)
            piece = ""
    return [*pieces, piece] if piece else pieces
