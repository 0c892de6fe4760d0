"""How is anything shown to a person? Names, keys, wire, steps and pictures, as text, HTML and SVG."""

__all__ = [
    "canvas",
    "commands",
    "counts",
    "finding",
    "glosses",
    "growth",
    "keys",
    "names",
    "plain",
    "sentences",
    "sequence",
    "shown",
    "timeline",
    "wire",
    "wording",
]
"""The modules that other folders may import from; the others are insides."""
