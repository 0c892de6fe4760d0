"""Which keys stand, and what changed? A table of keys, fields, values and lives, marked against an earlier state."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from html import escape
from typing import Any, Protocol

from turnaffinity.showing.names import Names
from turnaffinity.showing.shown import Shown, hanging
from turnaffinity.showing.wording import Words

MARKS = {"new": "+", "gone": "-", "changed": "~", "": " "}
LINE = "border-bottom:1px solid rgba(128,128,128,.35);"
CELL = f"style='text-align:left;{LINE}padding:.15em .8em .15em .2em;font-family:monospace'"


class Held(Protocol):
    """What one key holds, as a snapshot has it; `expires_at_ms` is -1 where there is no TTL."""

    @property
    def value(self) -> Any:
        """A dict for a hash, a set, or a text."""

    @property
    def expires_at_ms(self) -> int:
        """When it expires, in milliseconds since 1970, or -1."""


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
    words: Words = dataclasses.field(default_factory=Words)

    @property
    def changed(self) -> Keys:
        """Only the rows that are marked."""
        return Keys(tuple(row for row in self.rows if row.mark), self.title, self.words)

    def lines(self, width: int | None = None) -> list[str]:
        """One line for each field: mark, key, field = value."""
        if not self.rows:
            return [f"{self.words.label(self.title)}{self.words('none')}"]
        told = [
            line
            for row in self.rows
            for line in hanging(
                f"{MARKS[row.mark]} ",
                f"{row.key}  {row.field + ' = ' if row.field else ''}{row.value}{self._life(row.life)}",
                width,
            )
        ]
        return [self.words.label(self.title).rstrip(), *told]

    def _life(self, life: str) -> str:
        return "" if life in ("", "no TTL") else f"  ({self.words(life)})"

    def html(self) -> str:
        """A table of five columns."""
        title = f"<p><b>{escape(self.words(self.title))}</b>"
        if not self.rows:
            return f"{title}: {self.words('none')}</p>"
        names = ("", *map(self.words, ("key", "field", "value")), "TTL")
        head = "".join(f"<th {CELL}>{name}</th>" for name in names)
        body = "".join(
            "<tr>" + "".join(f"<td {CELL}>{cell}</td>" for cell in self._cells(row)) + "</tr>" for row in self.rows
        )
        return f"{title}</p><table><tr>{head}</tr>{body}</table>"

    def _cells(self, row: Row) -> list[str]:
        texts = [MARKS[row.mark].strip(), row.key, row.field, row.value, self.words(row.life) if row.life else ""]
        if row.mark == "gone":
            return [escape(texts[0]), *(f"<s>{escape(text)}</s>" if text else "" for text in texts[1:])]
        return [f"<b>{escape(text)}</b>" if row.mark and text else escape(text) for text in texts]


def keys_view(
    now: Mapping[str, Held], names: Names, *, before: Mapping[str, Held] | None = None, title: str = "keys",
    words: Words | None = None,
) -> Keys:  # fmt: skip
    """The keys of a snapshot, sorted; with `before`, what is new, gone or changed is marked."""
    words = words or Words()
    current = {(row.key, row.field): row for key, held in now.items() for row in _rows(key, held, names)}
    if before is None:
        return Keys(tuple(current[place] for place in sorted(current)), title, words)
    earlier = {(row.key, row.field): row for key, held in before.items() for row in _rows(key, held, names)}
    rows = []
    for place in sorted(current.keys() | earlier.keys()):
        new, old = current.get(place), earlier.get(place)
        if new is None and old is not None:
            rows.append(Row(old.key, old.field, old.value, old.life, "gone"))
        elif new is not None:
            same = old is not None and (old.value, old.life) == (new.value, new.life)
            mark = "new" if old is None else "" if same else "changed"
            rows.append(Row(new.key, new.field, new.value, new.life, mark))
    return Keys(tuple(rows), title, words)


def _rows(key: str, held: Held, names: Names) -> list[Row]:
    life = "no TTL" if held.expires_at_ms == -1 else "expires"
    names.learn_key(key)
    shown = names.apply(key)
    if isinstance(held.value, dict):
        return [Row(shown, name, names.apply(value), life) for name, value in sorted(held.value.items())]
    value = "{" + ", ".join(sorted(held.value)) + "}" if isinstance(held.value, (set, frozenset)) else str(held.value)
    return [Row(shown, "", names.apply(value), life)]
