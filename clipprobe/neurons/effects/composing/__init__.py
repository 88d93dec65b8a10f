"""Which few units make a class: sparse logistic regression on images or texts."""
