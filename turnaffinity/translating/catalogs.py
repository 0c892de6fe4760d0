"""Do the catalogs hold what the sources say? Run as `python -m` this module: catalogs brought into step, and compiled."""

from __future__ import annotations

import io
import sys
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

from turnaffinity.catalogs import FOLDER
from turnaffinity.translating.sources import SOURCES


def path_of(domain: str) -> Path:
    """Where a domain's Chinese catalog lies."""
    return FOLDER / "zh" / "LC_MESSAGES" / f"{domain}.po"


def catalog_of(domain: str) -> Catalog:
    """The Chinese catalog as it is on disk; empty where there is none."""
    path = path_of(domain)
    if not path.exists():
        return Catalog(locale="zh_CN", domain=domain, fuzzy=False)
    with path.open("rb") as file:
        return read_po(file, locale="zh_CN", domain=domain)


def in_step(domain: str) -> Catalog:
    """A catalog with exactly the messages of its sources, in their order, each with the translation that it has."""
    known = {str(message.id): str(message.string) for message in catalog_of(domain) if message.id}
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


def as_mo(catalog: Catalog) -> bytes:
    """What gettext reads."""
    plain = Catalog(locale="zh_CN", charset="utf-8", fuzzy=False)
    for message in catalog:
        if message.id and message.string:
            plain.add(str(message.id), str(message.string))
    plain.mime_headers = [("Content-Type", "text/plain; charset=utf-8")]
    file = io.BytesIO()
    write_mo(file, plain)
    return file.getvalue()


def main(names: list[str]) -> None:
    """Bring the named domains into step, or all of them, and say what is left to translate."""
    for domain in names or SOURCES:
        catalog = in_step(domain)
        path = path_of(domain)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(as_po(catalog))
        path.with_suffix(".mo").write_bytes(as_mo(catalog))
        left = sum(1 for message in catalog if message.id and not message.string)
        print(f"{path.name}: {len(catalog)} messages, {left} to translate")


if __name__ == "__main__":
    main(sys.argv[1:])
