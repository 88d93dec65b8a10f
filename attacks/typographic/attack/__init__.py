"""One attacked image: what is written, where, how, and which pixels it changed."""
