"""What must hold, as data: the rules, the open decisions with their readings, and the names of the keys."""
