"""Which combination of choices meets which goal? Settled by searching every behaviour within stated bounds."""

__all__ = [
    "behaviour",
    "bounds",
    "canonical",
    "commands",
    "crashes",
    "database",
    "goals",
    "live",
    "matrix",
    "rollouts",
    "search",
    "solver",
    "surroundings",
    "vectors",
    "versions",
]
"""The modules that other folders may import from; the others are insides."""
