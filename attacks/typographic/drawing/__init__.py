"""The parts of drawing an attack: its letters, its colours, its place on the object, its bands."""
