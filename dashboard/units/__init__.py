"""The pages of units without their frame: a wall of many, and the parts of the page of one."""
