"""What an audit tells: findings, sections of the page, limits, comparison, model card."""
