"""The loop of a scan, over images and over texts."""
