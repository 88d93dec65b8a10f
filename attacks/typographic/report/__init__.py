"""What an audit tells: summary, findings, page, comparison of runs."""
