"""What breaks on the way? The RESP proxy, and the plays with a fault at every command."""

__all__ = ["claims", "failed_clears", "kinds", "one_error", "play", "proxy", "resp"]
"""The modules that other folders may import from; the others are insides."""
