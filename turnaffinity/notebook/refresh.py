"""How are the notebooks executed anew, so that git shows only what changed? Run as `python -m` this module."""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path
from typing import Any

from nbclient import NotebookClient

nbformat: Any = import_module("nbformat")  # it has no types of its own

METADATA = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}
"""What a notebook keeps about its kernel: nothing that differs between machines."""


def refresh(path: Path, *, timeout_s: int = 120) -> None:
    """Execute a notebook in place; raises nbclient's error, with the cell, if a cell fails."""
    book = nbformat.read(path, as_version=4)
    NotebookClient(
        book, timeout=timeout_s, kernel_name="python3", resources={"metadata": {"path": path.parent}}
    ).execute()
    nbformat.write(cleaned(book), path)


def cleaned(book: Any) -> Any:
    """The notebook without what differs from run to run: times, widget states, machine names; cells numbered."""
    book.metadata = nbformat.from_dict(METADATA)
    for number, cell in enumerate(book.cells):
        cell.metadata = nbformat.from_dict({k: v for k, v in cell.metadata.items() if k == "tags"})
        cell.id = f"cell-{number:02}"
        for output in cell.get("outputs", []):
            output.get("data", {}).pop("application/vnd.jupyter.widget-view+json", None)
    return book


def main(names: list[str]) -> None:
    """Refresh the named notebooks, or all of them."""
    folder = Path(__file__).resolve().parents[2] / "notebooks"
    for path in [Path(name) for name in names] or sorted(folder.glob("*.ipynb")):
        refresh(path)
        print(f"executed {path.name}")


if __name__ == "__main__":
    main(sys.argv[1:])
