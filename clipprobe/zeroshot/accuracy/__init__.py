"""How good a zero-shot classifier is, how sure its shares are, and what its texts do to it."""
