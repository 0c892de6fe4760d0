"""Where does a case play? Names, the judge's own commands, the observer, state, steps, draws, long plays."""

__all__ = [
    "business",
    "demonstration",
    "drawing",
    "evidence",
    "judge",
    "long_plays",
    "observer",
    "pipeline",
    "randomness",
    "stage",
    "state",
    "step",
]
"""The modules that other folders may import from; the others are insides."""
