"""A simulated arena in which proposals for its rules are played."""
