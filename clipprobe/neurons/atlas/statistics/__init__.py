"""Statistics of units in constant memory: exact sums, rankings, samples along the range."""
