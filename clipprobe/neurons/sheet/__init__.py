"""One page about one unit: its images, and what every instrument says of it."""
