"""Which mistake is it? Failed checks held against those that known mistakes fail."""

__all__ = ["again", "lua_lines", "markdown", "missing", "mistake", "mistakes", "patterns", "telling", "traces"]
"""The modules that other folders may import from; the others are insides."""
