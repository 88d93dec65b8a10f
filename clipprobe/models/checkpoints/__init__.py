"""From a name to a model: which files, whose architecture, every weight checked."""
