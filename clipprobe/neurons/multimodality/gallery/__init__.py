"""The units that best tell one concept in every modality: a sheet each, and an index."""
