"""How does a notebook become its Chinese edition? Its code as it is, its prose block by block from the catalog.

`python -m turnaffinity.translating.edition [NAME...]` writes and executes `notebooks/zh`.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

from turnaffinity.catalogs import LANGUAGE_VARIABLE
from turnaffinity.notebook.refresh import cleaned, refresh
from turnaffinity.shared_files import shared
from turnaffinity.translating.files import messages_of

nbformat: Any = import_module("nbformat")  # it has no types of its own

FENCES = ("```", "~~~")


def blocks(source: str) -> list[str]:
    """The blocks of a Markdown text, as blank lines outside of fences part them."""
    found: list[list[str]] = [[]]
    fenced = False
    for line in source.split("\n"):
        if line.lstrip().startswith(FENCES):
            fenced = not fenced
        if line.strip() or fenced:
            found[-1].append(line)
        elif found[-1]:
            found.append([])
    return ["\n".join(block) for block in found if block]


def is_prose(block: str) -> bool:
    """Whether a block is for reading: a fence of code and a line without a letter are not."""
    return not block.lstrip().startswith(FENCES) and any(letter.isalpha() for letter in block)


def prose_of(path: Path) -> Iterator[tuple[str, int]]:
    """Each block of prose of a notebook, with the number of its cell."""
    for number, cell in enumerate(nbformat.read(path, as_version=4).cells):
        if cell.cell_type == "markdown":
            for block in filter(is_prose, blocks(cell.source)):
                yield block, number


def cells_of(path: Path) -> list[Any]:
    """A notebook's cells."""
    return list(nbformat.read(path, as_version=4).cells)


def titles_of(path: Path) -> Iterator[str]:
    """The titles that a notebook's cells give their pictures."""
    for cell in cells_of(path):
        if cell.cell_type == "code":
            yield from re.findall(r'title="([^"{]+)"', cell.source)


def translated(path: Path, messages: Mapping[str, str]) -> Any:
    """The notebook with its prose as `messages` have it, its code cells as they are, without outputs."""
    book = cleaned(nbformat.read(path, as_version=4))
    for cell in book.cells:
        if cell.cell_type == "markdown":
            cell.source = "\n\n".join(messages.get(block) or block for block in blocks(cell.source))
        else:
            cell.outputs, cell.execution_count = [], None
    return book


def chinese(path: Path) -> Path:
    """Where a notebook's Chinese edition lies."""
    return path.parent / "zh" / path.name


def main(names: list[str]) -> None:
    """Write the Chinese edition of the named notebooks, or of all, and execute it."""
    os.environ[LANGUAGE_VARIABLE] = "zh"
    messages = messages_of("notebooks")
    for path in sorted(shared("notebooks").glob("*.ipynb")):
        if names and path.stem not in names:
            continue
        chinese(path).parent.mkdir(exist_ok=True)
        nbformat.write(translated(path, messages), chinese(path))
        refresh(chinese(path))
        print(f"executed zh/{path.name}")


if __name__ == "__main__":
    main(sys.argv[1:])
