"""Which heads and neurons of the image tower carry a class, a count, a relation?"""
