"""The questions that an audit asks; ``registry`` names them."""
