"""The typographic lab: what is drawn and asked, its widgets, why a word is read, and its repair."""
