"""The loop: batches through the towers, the loss, checkpoints and curves."""
