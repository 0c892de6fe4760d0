"""Does recorded traffic keep the contract? Judging MONITOR lines, without touching the system."""

__all__ = ["batches", "live", "report", "run", "trace"]
"""The modules that other folders may import from; the others are insides."""
