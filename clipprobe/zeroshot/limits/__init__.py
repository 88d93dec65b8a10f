"""Why zero-shot fails at a task: missing in one tower, in both, or only misaligned."""
