"""What models and hooks both know: where a model's parts are, and who listens to a forward pass."""
