"""What does it cost? Ratios between ours and a peer, measured in one run."""
