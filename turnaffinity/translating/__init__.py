"""How does the kit come to speak Chinese? Message catalogs, kept in step with their sources; a developer's tool."""

__all__ = ["catalogs", "edition", "files", "sources", "starters"]
