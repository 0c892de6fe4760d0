"""Does the kit catch what is wrong? Deliberately wrong implementations, and which rule blames each."""
