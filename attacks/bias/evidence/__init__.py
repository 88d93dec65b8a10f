"""What a model says about the images: embeddings, and the answers that probes read."""
