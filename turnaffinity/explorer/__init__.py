"""Which combination of choices meets which goal? Settled by searching every behaviour within stated bounds."""
