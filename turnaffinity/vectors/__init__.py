"""What has to hold, told without a language? Test vectors: scenes as data, their ends from the oracle, and a runner."""

__all__ = ["files", "matching", "page", "playing", "prediction", "scene"]
"""The modules that other folders may import from; the others are insides."""
