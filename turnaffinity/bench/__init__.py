"""What does it cost? Ratios between ours and a peer, measured in one run."""

__all__ = ["finalizes", "measured", "plan", "row", "run", "shares", "stage", "throughput", "timing"]
"""The modules that other folders may import from; the others are insides."""
