"""Does recorded traffic keep the contract? Judging MONITOR lines, without touching the system."""
