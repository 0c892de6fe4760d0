"""What does Sphinx read? The notebooks of both languages with their links, and the reference beside them.

`python -m turnaffinity.book.source FOLDER` writes it; `make book` builds it.
"""

from __future__ import annotations

import re
import shutil
import sys
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

from turnaffinity.book.pages import document, filled
from turnaffinity.book.rules import notebooks_of, rule_lists, rule_page
from turnaffinity.book.scenes import Scene, scenes
from turnaffinity.contract.rules import RULES
from turnaffinity.problem import Problem
from turnaffinity.shared_files import PACKAGE, shared
from turnaffinity.showing.wording import Words
from turnaffinity.translating.edition import blocks, is_prose

nbformat: Any = import_module("nbformat")  # it has no types of its own

EDITIONS = {"en": "", "zh": "zh"}
"""Where each language's pages lie."""

OWN = ("protocol", "layout", "operating", "command-line")
DOCUMENTS = {
    "conformance": {"en": "conformance/README.md", "zh": "conformance/README.zh-CN.md"},
    "vectors": {"en": "conformance/vectors/README.md"},
    "scripts": {"en": "lua/README.md"},
    "changelog": {"en": "CHANGELOG.md"},
}
"""Texts that stand in the project anyway, by language; where there is no Chinese file, the catalog has its blocks."""

ORDER = ("conformance", "protocol", "vectors", "scripts", "command-line", "layout", "operating", "changelog")
RULE_ID = re.compile(r"(?<![\w/`\[-])(TA-[A-Z]+-\d+)(?![\w\]-])")
LINK = re.compile(r"(?<!!)\[([^\]\n]+)\]\(([^)\s]+)\)")


MARK = "written-by-turnaffinity.book"
"""A file by which a folder is known as one that may be written anew."""


def check_ours(folder: Path) -> None:
    """Raise `Problem` for a folder that is there and was not written by this."""
    if folder.exists() and not (folder / MARK).is_file():
        raise Problem(str(folder), "is there, and holds something else than the book's source", "name another folder")


def write(folder: Path, played: Mapping[str, Scene]) -> None:
    """Write the book's source into a folder that is not there yet, or that this wrote: it is emptied first.

    Raises `Problem` for any other folder, and changes nothing there.
    """
    check_ours(folder)
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(shared("notebooks"), folder, ignore=shutil.ignore_patterns(".ipynb_checkpoints", "_build"))
    (folder / MARK).touch()
    for lang, place in EDITIONS.items():
        home = folder / place
        notebooks = sorted(home.glob("*.ipynb"))
        walked = notebooks_of({path.stem: _sources(path) for path in notebooks})
        for path in notebooks:
            _link_rules(path)
        _into_index(home / "index.md", lang)
        _write_reference(home / "reference", lang, played, walked)


def _write_reference(folder: Path, lang: str, played: Mapping[str, Scene], walked: Mapping[str, Any]) -> None:
    (folder / "rules").mkdir(parents=True)
    for rule in RULES.values():
        text = rule_page(rule, played.get(rule.id), walked[rule.id], lang)
        (folder / "rules" / f"{rule.id}.md").write_text(text, encoding="utf-8")
    for name in OWN:
        (folder / f"{name}.md").write_text(linked(filled(name, lang), "rules/"), encoding="utf-8")
    for name, files in DOCUMENTS.items():
        path = _project() / files.get(lang, files["en"])
        text = path.read_text(encoding="utf-8") if lang in files else document(path, lang)
        (folder / f"{name}.md").write_text(linked(_without_far_links(text), "rules/"), encoding="utf-8")
    index = document(PACKAGE / "book" / "texts" / "index.md", lang)
    tree = "\n".join(["```{toctree}", ":maxdepth: 1", "", *ORDER, "```"])
    text = index.replace("{contents}", tree).replace("{rules}", rule_lists(lang))
    (folder / "index.md").write_text(text, encoding="utf-8")


def _project() -> Path:
    """The project's folder: the changelog is part of the source alone, as the book is."""
    return shared("conformance").parent


def _sources(path: Path) -> str:
    """What a notebook says and runs: most rules are named in the cell that shows or judges them."""
    return "\n".join(cell.source for cell in nbformat.read(path, as_version=4).cells)


def _link_rules(path: Path) -> None:
    """Each rule that a notebook's prose names becomes a link to its page; one follows each card of a rule."""
    book = nbformat.read(path, as_version=4)
    cells = []
    for cell in book.cells:
        if cell.cell_type == "markdown":
            cell.source = linked(cell.source, "reference/rules/")
        cells.append(cell)
        if cell.cell_type == "code" and (shown := re.findall(r'^rule\("(TA-[A-Z]+-\d+)"\)$', cell.source, re.M)):
            links = ", ".join(_link(rule, "reference/rules/") for rule in shown)
            cells.append(nbformat.v4.new_markdown_cell(links, id=f"{cell.id}-page"))
    book.cells = cells
    nbformat.write(book, path)


def linked(text: str, place: str) -> str:
    """The text with each rule's id as a link to its page under `place`; headings, code and links stay."""
    return "\n\n".join(_linked_block(block, place) for block in blocks(text)) + "\n"


def _linked_block(block: str, place: str) -> str:
    if not is_prose(block) or block.lstrip().startswith(("#", "<", ":")):
        return block
    parts = re.split(r"(`+[^`]*`+|\[[^\]]*\]\([^)]*\))", block)
    return "".join(
        part if at % 2 else RULE_ID.sub(lambda found: _link(found[1], place), part) for at, part in enumerate(parts)
    )


def _link(rule: str, place: str) -> str:
    return f"[{rule}]({place}{rule}.md)" if rule in RULES else rule


def _without_far_links(text: str) -> str:
    """Links to files that are no pages of the book become their text; addresses of the web and of this page stay."""
    return LINK.sub(lambda found: found[0] if found[2].startswith(("http", "#")) else found[1], text)


def _into_index(path: Path, lang: str) -> None:
    """The reference stands after the notebooks, in the book's table of contents."""
    words = Words(lang)
    tree = f"```{{toctree}}\n:caption: {words('reference')}\n:maxdepth: 1\n\nreference/index\n```"
    path.write_text(f"{path.read_text(encoding='utf-8').rstrip()}\n\n{tree}\n", encoding="utf-8")


def main(names: list[str]) -> None:
    """Play the scenes, and write the book's source."""
    folder = Path(names[0] if names else "out/book-source")
    try:
        check_ours(folder)
        write(folder, scenes())
    except Problem as problem:
        sys.exit(f"error: {problem}")


if __name__ == "__main__":
    main(sys.argv[1:])
