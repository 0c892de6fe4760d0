"""Does the kit catch what is wrong? Deliberately wrong implementations, and which rule blames each."""

__all__ = ["cases", "flow", "machine", "matrix", "mutants", "operators", "patterns"]
"""The modules that other folders may import from; the others are insides."""
