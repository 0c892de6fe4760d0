"""Do the catalogs hold what the sources say? `python -m` this module brings them into step, and compiles them."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo
from babel.messages.pofile import write_po

from turnaffinity.translating.files import messages_of, path_of
from turnaffinity.translating.sources import SOURCES


def in_step(domain: str, given: Mapping[str, str] | None = None) -> Catalog:
    """Exactly the messages of the sources, in their order, each with its translation, a `given` one first."""
    elsewhere = {text: said for other in SOURCES for text, said in messages_of(other).items() if said}
    known = {**elsewhere, **{text: said for text, said in messages_of(domain).items() if said}, **(given or {})}
    catalog = Catalog(locale="zh_CN", domain=domain, fuzzy=False, header_comment="", project="turnaffinity")
    for text, places in SOURCES[domain]().items():
        catalog.add(text, known.get(text, ""), auto_comments=places)
    return catalog


def as_po(catalog: Catalog) -> bytes:
    """The catalog as its file has it: without times, so that it changes only where a message does."""
    file = io.BytesIO()
    write_po(file, catalog, width=0, omit_header=True)
    header = b'msgid ""\nmsgstr ""\n"Language: zh_CN\\n"\n"Content-Type: text/plain; charset=utf-8\\n"\n\n'
    return header + file.getvalue().strip() + b"\n"


NO_TIME = datetime(2026, 1, 1, tzinfo=UTC)
"""What a header says in place of the time, so that a catalog changes only where a message does."""


def as_mo(catalog: Catalog) -> bytes:
    """What gettext reads."""
    plain = Catalog(locale="zh_CN", charset="utf-8", fuzzy=False, creation_date=NO_TIME, revision_date=NO_TIME)
    for message in catalog:
        if message.id and message.string:
            plain.add(str(message.id), str(message.string))
    file = io.BytesIO()
    write_mo(file, plain)
    return file.getvalue()


def main(names: list[str]) -> None:
    """Bring the named domains into step, or all of them, and say what is left to translate.

    `DOMAIN=FILE` takes in translations from a JSON object of English texts.
    """
    for name in names or SOURCES:
        domain, _, file = name.partition("=")
        given = json.loads(Path(file).read_text(encoding="utf-8")) if file else {}
        catalog = in_step(domain, given)
        path = path_of(domain)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(as_po(catalog))
        path.with_suffix(".mo").write_bytes(as_mo(catalog))
        left = sum(1 for message in catalog if message.id and not message.string)
        print(f"{path.name}: {len(catalog)} messages, {left} to translate")


if __name__ == "__main__":
    main(sys.argv[1:])
