"""What survives when thousands of sessions talk and things break? Real processes, real faults, everything counted."""
