"""What went over the wire: one type for a Redis command, wherever it was seen."""

__all__ = ["command", "effects", "hashes", "key_positions", "listening", "meaning", "monitor", "recorder", "units"]
"""The modules that other folders may import from; the others are insides."""
