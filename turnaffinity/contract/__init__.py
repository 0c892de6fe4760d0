"""What must hold, as data: the rules, the open decisions with their readings, and the names of the keys."""

__all__ = ["answers", "decisions", "glossary", "layout", "privileges", "rules", "vector"]
"""The modules that other folders may import from; the others are insides."""
