"""Posts in the order of time, for one reader or for all."""
