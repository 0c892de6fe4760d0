"""What is the verdict? The suite under pytest, its workers, the expected failures, and the verdict."""

__all__ = [
    "cases",
    "claims",
    "cores",
    "expected",
    "forked",
    "lua_text",
    "plugin",
    "preflight",
    "protocol_checks",
    "run",
    "suite",
    "verdict",
    "workers",
]
"""The modules that other folders may import from; the others are insides."""
