"""Who is judged? One interface for the reference, a Lua script, and an adapter's process."""

__all__ = [
    "adapter",
    "answers",
    "beside",
    "channel",
    "complaints",
    "process",
    "protocol",
    "reference",
    "rights",
    "script",
    "subject",
]
"""The modules that other folders may import from; the others are insides."""
