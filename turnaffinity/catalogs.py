"""In which language is a sentence said? English is the key; the catalogs are gettext's, in `locale/`."""

from __future__ import annotations

import gettext
from functools import cache
from pathlib import Path

FOLDER = Path(__file__).resolve().parent / "locale"
DOMAINS = ("turnaffinity", "findings", "notebooks")
"""Where a sentence is looked for, in this order."""


@cache
def _catalogs(lang: str) -> gettext.NullTranslations:
    first: gettext.NullTranslations | None = None
    for domain in reversed(DOMAINS):
        found = gettext.translation(domain, FOLDER, [lang], fallback=True)
        if first is not None:
            found.add_fallback(first)
        first = found
    return first or gettext.NullTranslations()


def said(text: str, lang: str) -> str:
    """A sentence in a language; as it is in English, and where no catalog has it."""
    return text if lang == "en" or not text else _catalogs(lang).gettext(text)
