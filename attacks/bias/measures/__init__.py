"""The numbers of an audit: formulas, cells with intervals and tests, and their null floors."""
