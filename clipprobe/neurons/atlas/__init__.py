"""The atlas: what each unit responds to over a data set, scanned once and stored."""
