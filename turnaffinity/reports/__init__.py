"""How does each result look? Verdict, audit, matrix, kill matrix, bench, load and plan, in a terminal and on a page."""

__all__ = [
    "audit",
    "badge",
    "bench",
    "decisions",
    "demonstration",
    "files",
    "junit",
    "kill_matrix",
    "load",
    "matrix",
    "plan",
    "schema",
    "verdict_page",
    "verdict_terminal",
]
"""The modules that other folders may import from; the others are insides."""
