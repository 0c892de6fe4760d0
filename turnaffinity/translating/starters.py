"""In which language does a starter speak? Its README block by block, its code comment by comment."""

from __future__ import annotations

import re
from collections.abc import Iterator

from turnaffinity.catalogs import said

BUILT = {"target", "node_modules", "__pycache__"}
"""What trying a starter in place leaves there; no part of it."""
_COMMENT = re.compile(r'^(\s*(?:#|//[/!]?|--|""")[ ]?|.*\S[ ]+(?://|#|--) )([^!\s"/].*? .*?)("""|)$', re.MULTILINE)
"""A comment, or a docstring of one line: what stands before it, what it says, and what ends it."""


def sentences_of(name: str, text: str) -> Iterator[str]:
    """What a starter's file says to people."""
    if name.endswith(".md"):
        yield from (block for block in _blocks(text) if not block.startswith(" "))
    else:
        yield from (found[2] for found in _COMMENT.finditer(text))


def in_language(name: str, text: str, lang: str) -> str:
    """The file with what it says to people in a language; code stays as it is."""
    if lang == "en":
        return text
    if name.endswith(".md"):
        return "\n\n".join(said(block, lang) for block in _blocks(text)) + "\n"
    return _COMMENT.sub(lambda found: f"{found[1]}{said(found[2], lang)}{found[3]}", text)


def _blocks(text: str) -> list[str]:
    return text.rstrip("\n").split("\n\n")
