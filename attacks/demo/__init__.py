"""The main job on the bundled model and stimuli that are drawn on the spot."""
