"""Where does a case play? Names, the judge's own commands, the observer, state, steps, draws, long plays."""

__all__ = [
    "business",
    "demonstration",
    "drawing",
    "evidence",
    "judge",
    "languages",
    "long_plays",
    "nodes",
    "observer",
    "pipeline",
    "randomness",
    "stage",
    "state",
    "step",
]
"""The modules that other folders may import from; the others are insides."""
