"""A failure as a file: written, shrunk, trusted, played again."""

__all__ = ["capsule", "files", "playing", "texts"]
"""The modules that other folders may import from; the others are insides."""
