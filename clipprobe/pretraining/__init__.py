"""Contrastive pre-training on rendered stimuli, and the recipe of the bundled model."""
