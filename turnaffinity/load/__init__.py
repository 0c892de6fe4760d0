"""What survives when thousands of sessions talk and things break? Real processes, real faults, everything counted."""

__all__ = ["pipelined", "speaker", "storms"]
"""The modules that other folders may import from; the others are insides."""
