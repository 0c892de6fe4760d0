"""Do the documents name only paths and make targets that exist?"""

import re
import subprocess
from pathlib import Path

import pytest

from turnaffinity.notebook.readme import FOR_IMPLEMENTERS, block, readings_block

ROOT = Path(__file__).parent.parent
BUILT = {"node_modules", "target", ".venv", "out", "build", "dist"}
DOCUMENTS = sorted(
    str(path.relative_to(ROOT)) for path in ROOT.rglob("*.md") if not BUILT & set(path.relative_to(ROOT).parts)
)
MADE_ON_USE = (".venv/", "out/")
"""Folders that are named in documents and made by a command."""


def quoted(text: str) -> list[str]:
    """What stands in backticks or in a fenced block's lines."""
    fenced = re.findall(r"^```[^\n]*\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    inline = re.findall(r"`([^`\n]+)`", re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL))
    return [*inline, *(line for block in fenced for line in block.splitlines())]


def paths_named(text: str) -> set[str]:
    """Words in backticks or links that begin with a folder or file of the repository's top level."""
    top = {path.name for path in ROOT.iterdir()}
    words = {word.rstrip(",.;:)") for piece in quoted(text) for word in piece.split()}
    links = set(re.findall(r"\]\((?!https?:|#|mailto:)([^)#\s]+)", text))
    named = {word for word in words if "/" in word and word.split("/")[0] in top and not re.search(r"[*<>{}$|]", word)}
    return {path for path in named | links if not path.startswith(MADE_ON_USE)}


def targets_named(text: str) -> set[str]:
    return {target for piece in quoted(text) for target in re.findall(r"\bmake ([a-z]+)\b", piece)}


def make_targets() -> set[str]:
    listed = subprocess.run(["make", "-C", str(ROOT), "help"], capture_output=True, text=True, check=True).stdout
    return set(re.findall(r"^make ([a-z]+) ", listed, re.MULTILINE))


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_path_that_a_document_names_exists(document):
    text = (ROOT / document).read_text(encoding="utf-8")
    folder = (ROOT / document).parent
    assert [
        path for path in sorted(paths_named(text)) if not ((ROOT / path).exists() or (folder / path).exists())
    ] == []


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_make_target_that_a_document_names_exists(document):
    assert targets_named((ROOT / document).read_text(encoding="utf-8")) <= make_targets()


def test_a_path_or_a_target_that_is_gone_would_be_noticed():
    text = "see `tests/gone.py`, [there](docs/gone.md) and `make nothing`\n```\nmake never\n```\n"
    assert paths_named(text) == {"tests/gone.py", "docs/gone.md"}
    assert targets_named(text) == {"nothing", "never"}


def test_make_alone_lists_every_target_with_a_line():
    rules = re.findall(r"^\.PHONY: (.*)$", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    assert make_targets() == set(rules[0].split())


def test_the_readings_that_implementers_read_of_are_those_of_the_code():
    text = FOR_IMPLEMENTERS.read_text(encoding="utf-8")
    assert block(text, "readings") == readings_block()  # else: python -m turnaffinity.notebook.readme


def test_nothing_that_users_get_cites_a_design_that_they_do_not_have():
    """The kit's own design paper is in no package: what it says for users stands in `conformance/README.md`."""
    kinds = {".md", ".json", ".toml", ".rs", ".go", ".js", ".mjs", ".lua", ".yml", ".ipynb", ".py", ".j2"}
    folders = ("conformance", "turnaffinity", "lua", "notebooks")
    files = [path for folder in folders for path in (ROOT / folder).rglob("*") if path.suffix in kinds]
    files += [ROOT / document for document in DOCUMENTS]
    built = {"node_modules", "target"}
    read = [path for path in files if not built & set(path.relative_to(ROOT).parts)]
    assert [str(path) for path in read if re.search(r"\bDESIGN\b", path.read_text(encoding="utf-8"))] == []
