"""Where do the catalogs lie, and what do they hold?"""

from __future__ import annotations

from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.pofile import read_po

from turnaffinity.catalogs import FOLDER


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


def messages_of(domain: str) -> dict[str, str]:
    """The messages of a catalog with their translations, "" where there is none yet."""
    return {str(message.id): str(message.string) for message in catalog_of(domain) if message.id}
