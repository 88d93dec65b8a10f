"""Scores of units for concepts, and what they would be by chance."""
