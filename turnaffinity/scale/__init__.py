"""What does the contract cost at scale? Measured per turn and per finalize, then multiplied in the open."""
