"""A list of studies of one model as one run: one scorecard, each image through the model once."""
