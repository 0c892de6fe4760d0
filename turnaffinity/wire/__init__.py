"""What went over the wire: one type for a Redis command, wherever it was seen."""
