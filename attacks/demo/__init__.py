"""The main job in one run: what the bundled model sees, reads and associates."""
