"""How is anything shown to a person? Names, keys, wire, steps and pictures, as text, HTML and SVG."""

__all__ = [
    "canvas",
    "charts",
    "commands",
    "finding",
    "glosses",
    "keys",
    "names",
    "plain",
    "scene",
    "sentences",
    "sequence",
    "shown",
    "timeline",
    "wire",
    "wording",
]
"""The modules that other folders may import from; the others are insides."""
