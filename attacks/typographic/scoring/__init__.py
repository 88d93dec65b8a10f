"""From encoded conditions to rows, success rates, pairs and thresholds."""
